"""Sequences that begin alike, laid out in rows that hold every shared token once.

What sequences share is found in their tokens, not in the templates: the options of an item, the items
of a premise, the questions of a passage. A row is a trie in depth-first order. A node sees exactly its
ancestors, which are the earlier nodes whose subtree it lies in, so the mask follows from two numbers a
node: its place, and where its subtree ends.
"""

from dataclasses import dataclass, field

# A row takes in a sequence that shares at least this part of it.
_WORTH_SHARING = 0.25
# A prefix of all sequences is run by itself, once, from this many tokens.
_WORTH_CACHING = 32


@dataclass
class Row:
    """A trie of token sequences.

    Attributes:
        tokens: Token of each node.
        depth: Distance of each node from the root, the first node's being 0.
        parent: Place of each node's parent; -1 for the root.
        paths: For each sequence, its number and the places of its nodes.
    """

    tokens: list[int] = field(default_factory=list)
    depth: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    paths: list[tuple[int, list[int]]] = field(default_factory=list)

    def __len__(self) -> int:
        """Nodes in the row."""
        return len(self.tokens)

    def add(self, number: int, tokens, shared: int) -> None:
        """Add a sequence whose first ``shared`` tokens are those of the sequence added before it."""
        path = self.paths[-1][1][:shared] if self.paths else []
        for depth in range(shared, len(tokens)):
            self.parent.append(path[-1] if path else -1)
            path.append(len(self.tokens))
            self.tokens.append(tokens[depth])
            self.depth.append(depth)
        self.paths.append((number, path))

    def ends(self) -> list[int]:
        """Return, for each node, the place after the last node of its subtree."""
        ends = list(range(1, len(self.tokens) + 1))
        for node in range(len(self.tokens) - 1, 0, -1):
            parent = self.parent[node]
            if parent >= 0 and ends[node] > ends[parent]:
                ends[parent] = ends[node]
        return ends


def common(first, second) -> int:
    """Return how many tokens two sequences share from the beginning."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return length


def shared_prefix(sequences) -> int:
    """Return how many leading tokens of all sequences are worth running by themselves.

    At least one token that all share stays outside, and so does every token that predicts a judged one.
    """
    if len(sequences) < 2:
        return 0
    tokens = [sequence.tokens for sequence in sequences]
    length = min(common(min(tokens), max(tokens)), min(s.start for s in sequences), min(map(len, tokens)) - 1) - 1
    return length if length >= _WORTH_CACHING else 0


def rows(sequences, skip: int, widest: int) -> list[Row]:
    """Lay out sequences, without their first ``skip`` tokens, in rows of at most ``widest`` nodes.

    A sequence longer than that makes a row of its own.
    """
    order = sorted(range(len(sequences)), key=lambda number: sequences[number].tokens)
    found, before = [], ()
    for number in order:
        tokens = sequences[number].tokens[skip:]
        shared = common(before, tokens)
        if not found or shared < _WORTH_SHARING * len(tokens) or len(found[-1]) + len(tokens) - shared > widest:
            found.append(Row())
            shared = 0
        found[-1].add(number, tokens, shared)
        before = tokens
    return found


def batches(found: list[Row], budget: int) -> list[list[Row]]:
    """Group rows of similar width so that no padded batch exceeds ``budget`` tokens (one row may)."""
    groups = []
    for row in sorted(found, key=len, reverse=True):
        # The first row of a group is its widest.
        if groups and (len(groups[-1]) + 1) * len(groups[-1][0]) <= budget:
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups
