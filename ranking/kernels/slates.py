"""Lists of all users as they take shape: `order` int64[pool items], between the offsets of a user the places of the
user's pool in the order in which they are to be listed. The first `ranked` int64[users] of a pool were ranked, the rest
are tried. Kernels change `order` in place."""

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.bits import count_of
from tables.kernels.compiled import compiled, part_of_kernels

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Items = NDArray[np.int32]
Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]


@compiled("void(i8[::1], i4[::1], i8[::1], i8[::1], i8[::1], i4[::1], i8[::1], i8[::1], i8[::1])")
def fill_pools(
    offsets: Ints,
    candidates: Items,
    best_ends: Ints,
    best: Ints,
    tried_ends: Ints,
    tried: Items,
    ends: Ints,
    ranked: Ints,
    pool: Ints,
) -> None:
    """Writes to `pool` int64[enough] the places of a user's `best` candidates and behind them those of the candidates
    to be `tried` that are not among them; `candidates` and `tried` ascend by user. `ends` int64[users + 1] are the
    offsets, `ranked` int64[users] how many are best."""
    longest = 0
    for user in range(len(offsets) - 1):
        longest = max(longest, offsets[user + 1] - offsets[user])
    is_best = np.zeros(longest, np.bool_)
    at = 0
    ends[0] = 0
    for user in range(len(offsets) - 1):
        first = offsets[user]
        ranked[user] = best_ends[user + 1] - best_ends[user]
        for place in range(best_ends[user], best_ends[user + 1]):
            pool[at] = best[place]
            is_best[best[place] - first] = True
            at += 1
        place = first
        for number in range(tried_ends[user], tried_ends[user + 1]):
            while place < offsets[user + 1] and candidates[place] < tried[number]:
                place += 1
            if place < offsets[user + 1] and candidates[place] == tried[number] and not is_best[place - first]:
                pool[at] = place
                at += 1
        for place in range(best_ends[user], best_ends[user + 1]):
            is_best[best[place] - first] = False
        ends[user + 1] = at


@compiled("void(i8[::1], f4[::1], i8[::1])")
def sort_by_score(offsets: Ints, scores: Floats, order: Ints) -> None:
    """Highest first, those of equal score as they were: from nearly so, as boosts of a few leave it."""
    for user in range(len(offsets) - 1):
        first = offsets[user]
        for at in range(first + 1, offsets[user + 1]):
            one, to = order[at], at - 1
            while to >= first and scores[order[to]] < scores[one]:
                order[to + 1] = order[to]
                to -= 1
            order[to + 1] = one


@compiled("void(i8[::1], i8[::1], i4[::1], f4[::1], u8[:,::1], f4[::1], i8, i8, f4, i8[::1])")
def choose_unlike(
    offsets: Ints,
    ranked: Ints,
    items: Items,
    scores: Floats,
    genres: Words,
    scale: Floats,
    competing: int,
    front: int,
    relevance_weight: np.float32,
    order: Ints,
) -> None:
    """Of the first `competing` places the first `front`, one after the other: the next is always the one with the
    highest relevance minus its likeness to the likest of those chosen before. Relevance is the score between the lowest
    and the highest of them, times its weight; likeness the cosine of `genres` uint64[items of the model, words] of
    bits, with `scale` float32[items of the model] = 1 / sqrt(genres of the item), 0 without any."""
    words = genres.shape[1]
    worth, relevance = np.empty(competing, np.float32), np.empty(competing, np.float32)
    own, own_scale = np.empty((competing, words), np.uint64), np.empty(competing, np.float32)
    before, taken = np.empty(competing, np.int64), np.empty(competing, np.bool_)
    for user in range(len(offsets) - 1):
        first = offsets[user]
        rivals = min(competing, ranked[user])
        if rivals < 3:
            continue
        least = scores[order[first + rivals - 1]]
        spread = scores[order[first]] - least
        if spread <= 0:
            continue
        for rival in range(rivals):
            place = order[first + rival]
            before[rival], taken[rival] = place, False
            relevance[rival] = (scores[place] - least) / spread * relevance_weight
            worth[rival] = np.inf
            own[rival] = genres[items[place]]
            own_scale[rival] = scale[items[place]]
        best, count = 0, min(front, rivals)
        for number in range(count):
            order[first + number] = before[best]
            taken[best] = True
            following = -1
            for rival in range(rivals):
                if taken[rival]:
                    continue
                shared = 0
                for word in range(words):
                    shared += count_of(own[best, word] & own[rival, word])
                left = relevance[rival] - np.float32(shared) * own_scale[rival] * own_scale[best]
                worth[rival] = min(worth[rival], left)
                if following < 0 or worth[rival] > worth[following]:
                    following = rival
            best = following
        at = first + count
        for rival in range(rivals):
            if not taken[rival]:
                order[at] = before[rival]
                at += 1


@compiled("void(i8[::1], i4[::1], i4[::1], i8, i8, i8[::1])")
def limit_categories(offsets: Ints, items: Items, category: Items, slots: int, most: int, order: Ints) -> None:
    """Fills the first `slots` in order with at most so many of a `category` int32[items of the model], -1 = none, and
    passes over what is one too many; what was passed over follows. With too few others it fills them after all."""
    taken = np.empty(slots, np.int64)
    for user in range(len(offsets) - 1):
        first, size = offsets[user], offsets[user + 1] - offsets[user]
        passed = np.empty(size, np.int64)
        took = left = looked = 0
        while looked < size and took < slots:
            place = order[first + looked]
            own, same = category[items[place]], 0
            for number in range(took):
                same += category[items[taken[number]]] == own
            if own != -1 and same >= most:
                passed[left] = place
                left += 1
            else:
                taken[took] = place
                took += 1
            looked += 1
        if left:
            for number in range(took):
                order[first + number] = taken[number]
            for number in range(left):
                order[first + took + number] = passed[number]


@part_of_kernels
def move_up(order: Ints, place: int, slot: int) -> None:
    """What stands at `place` moves up to `slot`; what was between moves down by one."""
    one = order[place]
    for at in range(place, slot, -1):
        order[at] = order[at - 1]
    order[slot] = one


@compiled("void(i8[::1], b1[::1], i8, i8, i8[::1])")
def give_shares(offsets: Ints, is_new: Mask, size: int, run: int, order: Ints) -> None:
    """The last slot of each run of the first `size` goes to the first new one behind it, unless the run shows one."""
    for user in range(len(offsets) - 1):
        own = order[offsets[user] : offsets[user + 1]]
        behind = 0  # the first new one from here on is sought
        for end in range(run, min(size, len(own)) + 1, run):
            shown = False
            for slot in range(end - run, end):
                shown |= is_new[own[slot]]
            if shown:
                continue
            behind = max(behind, end)
            while behind < len(own) and not is_new[own[behind]]:
                behind += 1
            if behind == len(own):
                break
            move_up(own, behind, end - 1)


@compiled("void(i8[::1], i8[::1], i4[::1], f4[::1], i8[::1], i8, i8, i8, i8[::1], i8[::1], i8[::1], f8[::1], f8[::1])")
def find_rivals(
    offsets: Ints,
    ranked: Ints,
    items: Items,
    scores: Floats,
    events: Ints,
    front: int,
    runners_up: int,
    most_evidence: int,
    order: Ints,
    ends: Ints,
    rivals: Ints,
    liked: Doubles,
    disliked: Doubles,
) -> None:
    """Writes the slots of those behind the first `front` that may be tried, the first so many and all that were not
    ranked, and of how many `events` int64[items of the model] it is thought that they were liked, or not."""
    at = 0
    ends[0] = 0
    for user in range(len(offsets) - 1):
        first = offsets[user]
        for slot in range(first + front, offsets[user + 1]):
            place = order[slot]
            if slot < first + front + runners_up or place >= first + ranked[user]:
                generator_scores = min(events[items[place]], most_evidence)
                rivals[at], liked[at] = slot, generator_scores * scores[place]
                disliked[at] = generator_scores - liked[at]
                at += 1
        ends[user + 1] = at


@compiled("void(i8[::1], i8[::1], i8[::1], f8[::1], i8, i8, i8, i8[::1])")
def place_winners(
    offsets: Ints, ends: Ints, rivals: Ints, draws: Doubles, wins: int, top: int, front: int, order: Ints
) -> None:
    """Moves the `rivals` int64[], slots, with the highest of `draws` float64[rivals] to slots spread evenly between
    `top` and `front`; of equals the first."""
    for user in range(len(offsets) - 1):
        count = min(wins, ends[user + 1] - ends[user])
        if count <= 0:
            continue
        first = offsets[user]
        own = order[first : offsets[user + 1]]
        before, has_won = own.copy(), np.zeros(len(own), np.bool_)
        length = front
        for number in range(1, count + 1):
            best = -1
            for rival in range(ends[user], ends[user + 1]):
                if not has_won[rivals[rival] - first] and (best < 0 or draws[rival] > draws[best]):
                    best = rival
            has_won[rivals[best] - first] = True
            slot = top + number * (front - top) // count - 1
            for at in range(length, slot, -1):
                own[at] = own[at - 1]
            own[slot] = before[rivals[best] - first]
            length += 1
        for slot in range(front, len(own)):
            if not has_won[slot]:
                own[length] = before[slot]
                length += 1


@compiled("void(i8[::1], i4[::1], u8[:,::1], i8, i8, i8[::1])")
def add_genres(offsets: Ints, items: Items, genres: Words, least: int, size: int, order: Ints) -> None:
    """From slot `size` upwards items give way to the first one behind with a genre that is missing, until there are
    `least` genres or no more."""
    words = genres.shape[1]
    for user in range(len(offsets) - 1):
        own = order[offsets[user] : offsets[user + 1]]
        front = min(size, len(own))
        for slot in range(front - 1, 0, -1):
            union = np.zeros(words, np.uint64)
            for at in range(front):
                for word in range(words):
                    union[word] |= genres[items[own[at]], word]
            count = 0
            for word in range(words):
                count += count_of(union[word])
            if count >= least:
                break
            best = -1
            for at in range(front, len(own)):
                for word in range(words):
                    if genres[items[own[at]], word] & ~union[word]:
                        best = at
                if best >= 0:
                    break
            if best < 0:
                break
            own[slot], own[best] = own[best], own[slot]


@compiled("void(i8[::1], i4[::1], i8[::1], i8[::1], i4[::1], i8[::1], i8[::1])")
def place_pins(
    offsets: Ints, items: Items, groups: Ints, pin_ends: Ints, pinned: Items, slots: Ints, order: Ints
) -> None:
    """Gives the items `pinned` int32[pins] that are in a pool their `slots` int64[pins], counted from 0 and ascending
    within a group; the others keep their order. The pins of a user are those of their group, between its `pin_ends`."""
    for user in range(len(offsets) - 1):
        own = order[offsets[user] : offsets[user + 1]]
        first, count = pin_ends[groups[user]], pin_ends[groups[user] + 1] - pin_ends[groups[user]]
        if count == 0 or len(own) == 0:
            continue
        places = np.full(count, -1, np.int64)
        rest, left = np.empty(len(own), np.int64), 0
        for at in range(len(own)):
            found = -1
            for number in range(count):
                if pinned[first + number] == items[own[at]]:
                    found = number
            if found >= 0:
                places[found] = own[at]
            else:
                rest[left] = own[at]
                left += 1
        at = taken = 0
        for number in range(count):
            if places[number] < 0:
                continue
            while at < slots[first + number] and taken < left:
                own[at] = rest[taken]
                at, taken = at + 1, taken + 1
            own[at] = places[number]
            at += 1
        while taken < left:
            own[at] = rest[taken]
            at, taken = at + 1, taken + 1


@compiled("void(i8[::1], i8, f4[::1], i8[::1], i8[::1], i8[::1], f4[::1])")
def take_lists(offsets: Ints, size: int, scores: Floats, order: Ints, ends: Ints, listed: Ints, shown: Floats) -> None:
    """Writes the first `size` places of each user to `listed`, and the scores that they show: the highest of those from
    there on. `ends` int64[users + 1] are the offsets."""
    at = 0
    ends[0] = 0
    for user in range(len(offsets) - 1):
        count = min(size, offsets[user + 1] - offsets[user])
        highest = np.float32(0.0)
        for number in range(count - 1, -1, -1):
            place = order[offsets[user] + number]
            highest = max(highest, scores[place])
            listed[at + number], shown[at + number] = place, highest
        at += count
        ends[user + 1] = at
