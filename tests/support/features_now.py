"""The features of a user as they are published: from the row, the profile and the preferred genres."""

from datetime import tzinfo

from ranking.genre_preferences import genre_preferences
from ranking.interests import Histories
from streams.contract.catalog import UserProfile
from tables.item_model import ItemModel
from tables.user import User
from tables.user_features import UserFeatures, features


def features_of(
    user: User, profile: UserProfile | None, model: ItemModel, now_ms: int, zone: tzinfo | None = None
) -> UserFeatures:
    """What lists are written with."""
    (preferred,) = genre_preferences(Histories.of([(user, profile)], model), model)
    return features(user, profile, preferred, now_ms, zone)
