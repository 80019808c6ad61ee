from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grids.datum import DATUMS, from_wgs84, to_wgs84

china = st.tuples(st.floats(74.0, 134.0), st.floats(4.0, 53.0))


@given(china, st.sampled_from(sorted(DATUMS)))
def test_there_and_back_again_stays_within_a_centimetre(place, datum):
    lon, lat = to_wgs84(*from_wgs84(*place, datum), datum)
    assert abs(lon[0] - place[0]) < 1e-7
    assert abs(lat[0] - place[1]) < 1e-7


def test_gcj02_shifts_a_known_place_in_beijing_by_the_published_amount():
    lon, lat = from_wgs84(116.404, 39.915, "GCJ02")
    assert lon[0] == pytest.approx(116.41024449916938, abs=1e-9)
    assert lat[0] == pytest.approx(39.91640428150164, abs=1e-9)


def test_bd09_lies_on_top_of_gcj02_by_about_six_thousandths_of_a_degree():
    gcj, baidu = from_wgs84(104.065, 30.66, "GCJ02"), from_wgs84(104.065, 30.66, "BD09")
    assert baidu[0][0] - gcj[0][0] == pytest.approx(0.0065, abs=4e-4)
    assert baidu[1][0] - gcj[1][0] == pytest.approx(0.006, abs=4e-4)


def test_baidu_metres_are_metres_north_and_east_of_zero():
    east, north = from_wgs84([104.065, 104.065], [30.66, 30.67], "BD09MC")
    assert east[0] == pytest.approx(11585460, abs=2000)
    assert 1250 < north[1] - north[0] < 1350  # Mercator stretches a hundredth of a degree by 1/cos(latitude)


def test_the_southern_hemisphere_mirrors_baidu_metres():
    lon, lat = to_wgs84(*from_wgs84(20.0, -30.0, "BD09MC"), "BD09MC")
    assert (lon[0], lat[0]) == pytest.approx((20.0, -30.0), abs=1e-7)


def test_cgcs2000_and_wgs84_are_taken_as_equal():
    assert [a[0] for a in from_wgs84(104.0, 30.0, "CGCS2000")] == [104.0, 30.0]


def test_outside_china_gcj02_changes_nothing():
    lon, lat = from_wgs84([-73.9], [40.7], "GCJ02")
    assert (lon[0], lat[0]) == (-73.9, 40.7)
    assert to_wgs84(-73.9, 40.7, "GCJ02")[0][0] == -73.9


def test_a_missing_position_stays_missing_among_others():
    lon, lat = to_wgs84([104.0, np.nan], [30.0, np.nan], "BD09")
    assert np.isfinite(lon[0])
    assert np.isnan([lon[1], lat[1]]).all()


def test_the_arrays_given_are_left_as_they_were():
    lon, lat = np.array([104.0]), np.array([30.0])
    from_wgs84(lon, lat, "GCJ02")
    assert (lon[0], lat[0]) == (104.0, 30.0)


def test_an_unknown_datum_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="BD09MC"):
        to_wgs84(0.0, 0.0, "XIAN80")
