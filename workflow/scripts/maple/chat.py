"""The text that a conversation is learned as."""


def render(messages: list[dict]) -> list[tuple[str, bool]]:
    """Return the training text of a record as pieces, each with whether the model learns to write it.

    The headings follow Alpaca's format without its preamble, so that nothing but the record's own
    language surrounds the text.
    """
    headings = {"user": "### Instruction:\n", "assistant": "### Response:\n"}
    pieces = []
    for number, message in enumerate(messages):
        gap = "\n\n" if number else ""
        pieces.append((gap + headings[message["role"]], False))
        pieces.append((message["content"], message["role"] == "assistant"))
    return pieces
