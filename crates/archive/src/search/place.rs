//! Distances on the earth.

use core::f64::consts::PI;

/// The earth's mean radius in kilometres (IUGG).
const EARTH_KM: f64 = 6371.0088;

/// The distance between two places in kilometres, along the ground of a round earth: within 0.6 % of the true one.
///
/// The haversine formula (R. W. Sinnott, "Virtues of the Haversine", 1984). Latitudes and longitudes in degrees.
pub(super) fn distance_km([lat, lon]: [f64; 2], [to_lat, to_lon]: [f64; 2]) -> f64 {
    let rad = |degrees: f64| degrees * PI / 180.0;
    let half = |angle: f64| {
        let s = libm::sin(rad(angle) / 2.0);
        s * s
    };
    let a = half(to_lat - lat) + libm::cos(rad(lat)) * libm::cos(rad(to_lat)) * half(to_lon - lon);
    2.0 * EARTH_KM * libm::asin(libm::sqrt(a.clamp(0.0, 1.0)))
}

/// Latitudes from and to, between which everything within the distance lies; and longitudes, where these do not
/// reach around a pole or over the date line.
pub(super) fn around([lat, lon]: [f64; 2], radius_km: f64) -> ([f64; 2], Option<[f64; 2]>) {
    // A little more, so that rounding leaves nothing out.
    let reach = radius_km / EARTH_KM * 180.0 / PI * 1.001 + 1e-9;
    let (south, north) = (lat - reach, lat + reach);
    let widest = south.abs().max(north.abs());
    if widest >= 89.9 {
        return ([south, north], None);
    }
    let wide = reach / libm::cos(widest * PI / 180.0);
    let (west, east) = (lon - wide, lon + wide);
    let longitudes = (west >= -180.0 && east <= 180.0).then_some([west, east]);
    ([south, north], longitudes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_distances() {
        // Victoria to Port Angeles, and half way around the earth.
        let near = distance_km([48.4284, -123.3656], [48.1181, -123.4307]);
        assert!((near - 34.8).abs() < 0.2, "{near}");
        let far = distance_km([90.0, 0.0], [-90.0, 77.0]);
        assert!((far - PI * EARTH_KM).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn the_box_leaves_nothing_out(
            lat in -90f64..90.0, lon in -180f64..180.0, km in 0.01f64..3000.0,
            dlat in -1f64..1.0, dlon in -1f64..1.0,
        ) {
            let reach = km / 111.0 * 1.5;
            let to = [(lat + dlat * reach).clamp(-90.0, 90.0), (lon + dlon * reach * 3.0).clamp(-180.0, 180.0)];
            let ([south, north], longitudes) = around([lat, lon], km);
            if distance_km([lat, lon], to) <= km {
                prop_assert!(south <= to[0] && to[0] <= north);
                if let Some([west, east]) = longitudes {
                    prop_assert!(west <= to[1] && to[1] <= east);
                }
            }
        }
    }
}
