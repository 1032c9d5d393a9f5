"""Which variants one user has, from what the topics hold now."""

from typing import Any

from agents.lists.treatments import traits_of
from ops.operator.experiments.lifecycle import read_experiments
from ops.operator.inspect.one_user import read_user
from serving.experiments import is_targeted, layer_bucket, variant_bucket, variant_of
from streams.contract.identities import Identities
from streams.kafka.topics import Topics


async def assignment(bootstrap: str, topics: Topics, user_id: str, identities: Identities) -> dict[str, Any]:
    """`experiment_id` and `variant` as the user's lists name them, None = no experiment; then every running experiment
    with the user's buckets. Raises `TopicMissing`."""
    book = await read_experiments(bootstrap, topics)
    stored_id = identities.of(user_id)
    user, profile = await read_user(bootstrap, topics, user_id, stored_id)
    traits = traits_of((user, profile))
    treatment = book.treatment(stored_id, traits)
    theirs = {experiment.experiment_id for experiment, _ in treatment.parts}
    return {
        "user_id": user_id,
        "experiment_id": treatment.experiment_id or None,
        "variant": treatment.variant or None,
        "country": traits.country or None,
        "device": traits.device or None,
        "known_since_ms": traits.known_since_ms,
        "running": [
            {
                "experiment_id": running.experiment_id,
                "layer": running.layer,
                "layer_bucket": layer_bucket(running.layer, stored_id),
                "of": list(running.buckets),
                "targeted": is_targeted(running, traits),
                "variant_bucket": variant_bucket(running.seed, stored_id),
                "variant": variant_of(running, stored_id).name if running.experiment_id in theirs else None,
            }
            for running in book.running
        ],
    }
