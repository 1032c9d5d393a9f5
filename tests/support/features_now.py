"""The features of a user as they are published: from the row, the profile and the taste in genres."""

from datetime import tzinfo

from ranking.genre_tastes import genre_tastes
from ranking.interests import Histories
from streams.contract.catalog import UserProfile
from tables.item_model import ItemModel
from tables.user import User
from tables.user_features import UserFeatures, features


def features_of(
    user: User, profile: UserProfile | None, model: ItemModel, now_ms: int, zone: tzinfo | None = None
) -> UserFeatures:
    """What lists are written with."""
    (taste,) = genre_tastes(Histories.of([(user, profile)], model), model)
    return features(user, profile, taste, now_ms, zone)
