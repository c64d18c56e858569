//! Medians and percentiles.

use std::time::Duration;

use serde::Serialize;

/// The middle one; of an even number, the upper of the two.
pub fn median<T: PartialOrd + Copy>(values: &[T]) -> Option<T> {
    percentile(values, 50)
}

/// The smallest value that at least `percent` of all values do not exceed.
pub fn percentile<T: PartialOrd + Copy>(values: &[T], percent: usize) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    let place = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(place).copied()
}

/// How long something took, of many times.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Latency {
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
}

impl Latency {
    pub fn of(times: &[Duration]) -> Self {
        let at = |percent| percentile(times, percent).unwrap_or_default().as_secs_f64() * 1e3;
        Self {
            p50_ms: at(50),
            p95_ms: at(95),
            p99_ms: at(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<u32> = (1..=200).rev().collect();
        assert_eq!(median(&values), Some(101));
        assert_eq!(percentile(&values, 95), Some(191));
        assert_eq!(percentile(&values, 100), Some(200));
        assert_eq!(percentile(&[7.5], 99), Some(7.5));
        assert_eq!(median::<f64>(&[]), None);
    }
}
