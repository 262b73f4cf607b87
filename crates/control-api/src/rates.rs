//! How often one token may ask: a bucket of permits for each, filled at a steady rate.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::LOGINS;
use crate::logins::TokenHash;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    permits: f64,
    at: Instant,
}

/// The buckets of all tokens.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    buckets: Mutex<HashMap<TokenHash, Bucket>>,
}

/// How buckets are filled, and how far.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    per_second: f64,
    burst: f64,
}

impl Rate {
    /// `per_second` for long, `burst` at once.
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        Self { per_second: f64::from(per_second.max(1)), burst: f64::from(burst.max(1)) }
    }

    fn filled(self, bucket: Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.at).as_secs_f64();
        since.mul_add(self.per_second, bucket.permits).min(self.burst)
    }
}

impl Rates {
    /// Takes a permit.
    ///
    /// # Errors
    /// There is none: how long to wait for the next.
    pub(crate) fn take(&self, token: TokenHash, rate: Rate) -> Result<(), Duration> {
        let now = Instant::now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > LOGINS {
            // Whose bucket is full again need not be remembered.
            buckets.retain(|_, bucket| rate.filled(*bucket, now) < rate.burst);
        }
        let bucket = buckets.entry(token).or_insert(Bucket { permits: rate.burst, at: now });
        *bucket = Bucket { permits: rate.filled(*bucket, now), at: now };
        if bucket.permits < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - bucket.permits) / rate.per_second));
        }
        bucket.permits -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_let_through_then_one_request_for_each_tick_of_the_rate() {
        let (rates, rate) = (Rates::default(), Rate::new(10, 3));
        let take = || rates.take([0; 32], rate);
        assert!(take().is_ok() && take().is_ok() && take().is_ok());
        assert_eq!(take().unwrap_err(), Duration::from_millis(100));
        assert!(rates.take([1; 32], rate).is_ok(), "another token has a bucket of its own");
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(take().is_ok());
        assert!(take().is_err());
    }
}
