"""What a mapping owes to its records, in plain Python that shares nothing with the product.

A lane is where the file says it is. Each invocation must be the one that follows from there; each outcome in the file must
follow from an answer, or from time; and where the file says that the lane is next must be where the answer puts it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.property.poller_words import DONE, FAILED, REPORTED, UNREACHED, Answer, Branch, Lane, Letter, State

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.property.poller_words import Call, Outcome, Record, Rules

EVENT_BYTES, STATE_BYTES = 4000, 300  # in a life, whose bounds are scaled down
WINDOW_BYTES, ENVELOPE_BYTES, GRACE_MS = 1024, len('{"Records":[]}'), 1000
ROUNDING_MS = 1  # of times on the monotonic clock
FOREVER = float("inf")


@dataclass
class Model:
    """One mapping. `lane_of` tells the lane of a key, `size_of` how many bytes a record has in an event."""

    rules: Rules
    start: int
    retention_ms: int
    jitter: float
    records: dict[int, list[Record]]  # by shard
    lane_of: Callable[[str, int], int]
    size_of: Callable[[Record], int]
    lanes: dict[tuple[int, int], Lane] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    ages_ms: tuple[int | None, ...] = ()  # as it was before: a write may have been under way when it was changed

    def of(self, lane: Lane, after: int, through: float = FOREVER) -> list[Record]:
        found = (each for each in self.records.get(lane.shard, ()) if after < each.sequence <= through)
        return [each for each in found if lane.count == 1 or self.lane_of(each.key, lane.count) == lane.number]

    def wants(self, record: Record) -> bool:
        return self.rules.kinds is None or record.kind in self.rules.kinds

    def wanted(self, lane: Lane, after: int, through: float = FOREVER) -> list[Record]:
        return [each for each in self.of(lane, after, through) if self.wants(each)]

    def window_of(self, record: Record) -> int | None:
        length = self.rules.window_ms
        return record.created_ms // length * length if length else None

    def expired(self, record: Record, now_ms: int) -> bool:
        return record.created_ms <= now_ms - self.retention_ms

    def same(self, lane: Lane, one: State, other: State) -> bool:
        """Tell whether two states differ at most in how many records that are not wanted they have passed."""
        places = [(one.position, other.position), *zip(one.ends, other.ends, strict=False)]
        alike = one[2:] == other[2:] and len(one.ends) == len(other.ends)
        return alike and not any(self.wanted(lane, min(pair), max(pair)) for pair in places)

    # What the file says

    def begin(self, shard: int, count: int, position: int, now_ms: int) -> None:
        """See a shard's first checkpoints, or another number of them."""
        old = [lane for lane in self.lanes.values() if lane.shard == shard]
        for lane in old:
            assert lane.call is None, "divided under a batch in flight"
            idle = [each for each in lane.branches if each.owes is None and max(each.state.ends, default=0) <= position]
            assert any(each.state.position == position for each in idle), f"divided before all were there: {lane}"
            self.letters += idle[-1].letters
            del self.lanes[shard, lane.number]
        passed = (each for each in self.records.get(shard, ()) if not old and self.start < each.sequence <= position)
        assert all(self.expired(each, now_ms) for each in passed), "began too late"
        for number in range(count):
            self.lanes[shard, number] = Lane(shard, number, count, [Branch(State(position))])

    def outcome(self, row: Outcome, now_ms: int) -> None:
        lane = self.lanes.get((row.shard, row.lane))
        if lane is None or lane.count != row.lanes:
            self.begin(row.shard, row.lanes, row.after, now_ms)
            lane = self.lanes[row.shard, row.lane]
        ways = [self.follow(lane, branch, row) for branch in lane.branches]
        assert any(ways), f"{row} follows from none of {lane.branches}"
        lane.hurried |= lane.branches[-1].owes is None
        if lane.call is not None:  # retention has passed it: its answer counts for nothing
            lane.call = lane.call._replace(void=True)
        lane.branches, lane.moved = [way for way in ways if way is not None], True

    def follow(self, lane: Lane, branch: Branch, row: Outcome) -> Branch | None:
        """Return where an outcome leads to; None if it can't be."""
        state, found = branch.state, self.of(lane, row.after, row.through)
        wanted = [each for each in found if self.wants(each)]
        counted = row.records == len(wanted) and row.filtered == len(found) - len(wanted)
        if branch.owes is not None:
            right = counted and (row.kind, row.records, row.attempts, row.request_id) == branch.owes
            return branch._replace(state=state._replace(position=row.through), owes=None) if right else None
        left = tuple(end for end in state.ends if end > row.through)
        attempts = state.attempts if left and left[0] == state.ends[0] and row.kind != "filtered" else 0
        after = branch._replace(state=state._replace(position=row.through, ends=left, attempts=attempts))
        if row.after != state.position:
            return None
        if row.kind == "filtered":
            return after if not wanted and row.records == row.filtered == len(found) else None
        if row.kind == "trimmed":
            right = all(self.expired(each, row.settled_ms) for each in wanted)
            return after if right and len(wanted) <= row.records <= len(found) else None
        ages = [age for age in (self.rules.age_ms, *self.ages_ms) if age is not None]
        aged = bool(wanted and ages) and wanted[-1].created_ms <= row.settled_ms - min(ages)
        if row.kind != "dead" or row.request_id or not counted or not aged or len(set(map(self.window_of, wanted))) > 1:
            return None
        times, ends = state.attempts, (wanted[0].sequence, wanted[-1].sequence)
        letter = Letter(None, lane.shard, *ends, len(wanted), "RecordAgeExceeded", times, self.rules.destination)
        return after._replace(letters=(*branch.letters, letter)) if row.attempts == times else None

    def stored(self, lane: Lane, state: State, token: int, now_ms: int) -> None:
        """See a lane's checkpoint, after all outcomes before it; its token is another one after each write."""
        fitting = [each for each in lane.branches if each.owes is None and self.same(lane, each.state, state)]
        assert fitting, f"{state} in the file is none of {lane.branches}"
        chosen, undecided = fitting[-1], len(lane.branches) > 1 and not lane.moved
        untouched, lane.moved, lane.token = token == lane.token, False, token
        if undecided and (chosen is lane.branches[0] or untouched):
            return  # what the answer makes of it is still to be written
        if chosen.wait_ms:
            lane.latest_ms = now_ms + chosen.wait_ms
        self.letters += chosen.letters
        lane.branches = [Branch(state)]

    def crashed(self) -> None:
        for lane in self.lanes.values():
            lane.branches[1:], lane.call, lane.postponed, lane.hurried = [], None, 0, True

    # Invocations

    def called(self, lane: Lane, call: Call, now_ms: int, *, closed: bool) -> None:
        """Check an invocation the moment it starts."""
        state, rules, final = lane.state, self.rules, call.window is not None and call.window.final
        assert lane.call is None, "two batches of a lane are in flight"
        assert len(lane.branches) == 1, f"delivered again though its answer was there: {lane}"
        assert now_ms >= lane.earliest_ms - ROUNDING_MS or lane.hurried, f"tried again too early: {now_ms} {lane}"
        ahead = self.wanted(lane, state.position)
        too_large = rules.window_ms > 0 and len(state.state or b"") > STATE_BYTES
        if call.window is not None:
            shown = (call.window.start_ms, call.window.state, call.window.early)
            opened = state.window_ms if final or state.window_ms is not None else self.window_of(ahead[0])
            assert shown == (opened, state.state or b"{}", final and too_large)
        if final:
            over = closed or now_ms >= (state.window_ms or 0) + rules.window_ms + GRACE_MS
            over = over if not ahead else self.window_of(ahead[0]) != state.window_ms
            assert state.window_ms is not None, "no window is open"
            assert over or too_large or state.position in state.ends, "the window is not over"
            through = state.position
        else:
            assert not too_large, "a window whose state is too large goes on"
            through = self.cut(lane, call, ahead, now_ms, closed=closed)
        lane.call = call._replace(through=through, window_ms=self.window_of(ahead[0]) if call.sequences else None)
        lane.hurried = False

    def cut(self, lane: Lane, call: Call, ahead: list[Record], now_ms: int, *, closed: bool) -> int:
        """Check what is in a batch, and return where it ends."""
        state, rules, count = lane.state, self.rules, len(call.sequences)
        batch, rest = ahead[:count], ahead[count:]
        assert [each.sequence for each in batch] == call.sequences, "these are not the next records"
        old_ms = now_ms - min(self.retention_ms, rules.age_ms or self.retention_ms)
        assert all(each.created_ms > old_ms for each in batch), "too old"
        assert len({*map(self.window_of, batch), state.window_ms if rules.window_ms else None} - {None}) < 2, "windows"
        end = state.ends[0] if state.ends else FOREVER
        assert call.sequences[-1] <= end
        assert state.ends or count <= rules.batch_size
        assert call.event_bytes <= EVENT_BYTES or count == 1
        following = rest[0] if rest and rest[0].sequence <= end else None
        if following is None and state.ends:
            return state.ends[0]
        size = ENVELOPE_BYTES + count + sum(map(self.size_of, (*batch, *rest[:1])))
        size += WINDOW_BYTES + len(state.state or b"") if rules.window_ms else 0
        full = size > EVENT_BYTES or (not state.ends and count == rules.batch_size) or lane.count != rules.lanes
        if following is not None:
            assert full or self.window_of(following) != self.window_of(batch[0]), "the next record would have fitted"
        elif not full and not closed and not lane.hurried:
            assert now_ms >= batch[0].created_ms + rules.batching_ms - ROUNDING_MS, "the batching window is open"
        return call.sequences[-1]

    def answered(self, lane: Lane, answer: Answer, now_ms: int) -> None:
        """Work out what an answer makes of the batch in flight."""
        call, rules, state = lane.call, self.rules, lane.state
        assert call is not None
        lane.call = None
        lane.postponed = lane.postponed + 1 if answer.meaning == UNREACHED else 0
        if call.void:
            return
        if answer.meaning == DONE and rules.window_ms and call.sequences and not answer.state:
            answer = Answer(FAILED)
        lane.branches = [Branch(state), self.verdict(lane, call, answer)]
        lane.earliest_ms = now_ms + lane.branches[-1].wait_ms

    def verdict(self, lane: Lane, call: Call, answer: Answer) -> Branch:
        state, rules, meaning = lane.state, self.rules, answer.meaning
        count, final, attempts = len(call.sequences), not call.sequences, state.attempts + 1
        left = tuple(end for end in state.ends if end > call.through)
        window = (call.window_ms, answer.state) if answer.state else (None, None)
        closed = State(state.position, tuple(end for end in state.ends if end != state.position))
        if meaning == DONE:
            done = State(call.through, left, 0, *window)
            return Branch(closed) if final else Branch(done, ("delivered", count, attempts, call.request_id))
        again = (call.through, *left)
        if meaning == REPORTED and answer.sequence > call.sequences[0]:
            before = sum(each < answer.sequence for each in call.sequences)
            part = State(answer.sequence - 1, again, 0, *window)
            return Branch(part, ("delivered", before, attempts, call.request_id), wait_ms=self.delay(1))
        if meaning == UNREACHED:
            return Branch(state._replace(ends=again), wait_ms=self.delay(max(state.attempts, lane.postponed)))
        if rules.bisect and meaning != REPORTED and count > 1 and rules.retries:
            halves = (call.sequences[count // 2 - 1], *again)
            return Branch(state._replace(ends=halves), wait_ms=self.delay(max(1, state.attempts)))
        if not 0 <= rules.retries < attempts:
            return Branch(state._replace(ends=again, attempts=attempts), wait_ms=self.delay(attempts))
        ends = (state.position, state.position) if final else (call.sequences[0], call.sequences[-1])
        where = (call.request_id, lane.shard, *ends, count, "RetryAttemptsExhausted", attempts, rules.destination)
        if final:
            return Branch(closed, None, (Letter(*where),))
        tried = state.attempts if left and left[0] == state.ends[0] else 0  # the part that was cut off
        dead = State(call.through, left, tried, *state[3:])
        return Branch(dead, ("dead", count, attempts, call.request_id), (Letter(*where),))

    def delay(self, failures: int) -> float:
        return float(min(60_000, 250 * 2 ** min(failures - 1, 20)) * (1 - self.jitter / 2))

    def rests(self, lane: Lane, now_ms: int, *, closed: bool) -> bool:
        """Tell whether a lane may do nothing now, though its mapping is at work."""
        state, rules = lane.state, self.rules
        if lane.call or now_ms < lane.latest_ms + ROUNDING_MS or rules.batching_ms or lane.count != rules.lanes:
            return True
        assert len(lane.branches) == 1, "an answer is not written"
        opened = state.window_ms is not None and rules.window_ms > 0
        over = closed or now_ms > (state.window_ms or 0) + rules.window_ms + GRACE_MS + ROUNDING_MS
        return not self.wanted(lane, state.position) and not (opened and over)
