"""Lists as their readers see them, joined with the cards that the model would write."""

from typing import Any

from agents.lists.item_cards import card_of
from serving.joined_list import decode
from tables.item_model import ItemModel


def listed(value: bytes, model: ItemModel) -> dict[str, Any]:
    """The whole list."""
    keys = model.keys.keys[: len(model)].tolist()
    return decode(value, {key: card_of(model, index) for index, key in enumerate(keys) if model.ids[index]})
