"""Random programs: all ways of exploring find the same. `make soak` has thousands, and runs them on a host besides."""

from fuzz.orders import check
import pytest
from tests.explore.random_models import random_plan

# Small ones, which between them do all that there is to be done, and end in more than one way.
SEEDS = (
)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_way_of_exploring_a_random_program_loses_an_outcome(seed):
    assert check(random_plan(seed)) == []
