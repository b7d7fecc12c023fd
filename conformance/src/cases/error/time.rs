//! The common refusal takes the same time, whatever it hides.

use std::time::{Duration, Instant};

use edgewise_proto::v1::{Attach, RejectCode, item::Body};

use super::strangers::{Strangers, strangers};
use crate::case::{Case, case};
use crate::peer::{Class, Link};
use crate::trial::{Stop, Trial, Verdict};

/// All of them.
pub const CASES: &[Case] = &[case!("error/equal-time", [ERROR_5], equal_time, quiet)];

/// Pairs of questions that are compared.
const PAIRS: usize = 2_000;
/// Rounds before those that count.
const WARM_UP: usize = 50;
/// A difference that a network could carry.
const DIFFERENCE: Duration = Duration::from_micros(50);
/// How unlikely chance must be.
const P: f64 = 1e-6;
/// A difference has to be seen so often in a row.
const TIMES: usize = 3;

async fn equal_time(t: &mut Trial) -> Verdict {
    let mut link = t.link(Class::Medium).await?;
    let Strangers { attaches } = strangers(t, &link).await?;
    let mut asked: Vec<_> = attaches;
    let mut doubtful = None;
    for time in 1..=TIMES {
        let found = compare(&mut link, &asked).await?;
        for (what, found) in &found {
            t.note(format!("{what}: {found}"));
        }
        let Some((what, found)) = found.into_iter().find(|(_, found)| found.is_different()) else {
            break;
        };
        let seen = format!("{what}: {found}");
        if time == TIMES {
            let expected = "the same time for an unknown connection as for every other refusal";
            return Err(Stop::fail(expected, seen));
        }
        doubtful = Some(format!("{seen}, not every time"));
        // Only what was different is asked again, beside the first, the unknown connection.
        let mut place = 0;
        asked.retain(|(other, _)| {
            place += 1;
            place == 1 || *other == what
        });
    }
    match doubtful {
        Some(actual) => Err(Stop::warn("the same time for every common refusal", actual)),
        None => Ok(()),
    }
}

/// What a comparison found.
struct Found {
    /// Median of the second minus median of the first, in microseconds.
    micros: f64,
    /// How likely chance alone gives as uneven signs.
    p: f64,
}

impl Found {
    fn is_different(&self) -> bool {
        self.micros.abs() > DIFFERENCE.as_secs_f64() * 1e6 && self.p < P
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:+.1} µs in the median of {PAIRS} pairs, p = {:.1e}", self.micros, self.p)
    }
}

/// Asks all in turn, another one first each time, and judges each against the first of them by
/// the sign test.
async fn compare(
    link: &mut Link,
    attaches: &[(&'static str, Attach)],
) -> Result<Vec<(&'static str, Found)>, Stop> {
    let mut times = vec![Vec::with_capacity(PAIRS); attaches.len()];
    for round in 0..PAIRS + WARM_UP {
        for turn in 0..attaches.len() {
            let place = (round + turn) % attaches.len();
            let (Some((_, attach)), Some(times)) = (attaches.get(place), times.get_mut(place))
            else {
                continue;
            };
            let took = ask(link, attach).await?;
            if round >= WARM_UP {
                times.push(took);
            }
        }
    }
    let Some((ones, others)) = times.split_first_mut() else {
        return Err(Stop::harness("nothing to compare"));
    };
    let mut found = Vec::new();
    for ((what, _), others) in attaches.iter().skip(1).zip(others) {
        let above = ones.iter().zip(&*others).filter(|(one, other)| other > one).count();
        let ties = ones.iter().zip(&*others).filter(|(one, other)| other == one).count();
        let p = sign_test(above, PAIRS - ties);
        let micros = (median(others) - median(&mut ones.clone())) * 1e6;
        found.push((*what, Found { micros, p }));
    }
    Ok(found)
}

async fn ask(link: &mut Link, attach: &Attach) -> Result<f64, Stop> {
    // Which handle is asked for plays no part: none is taken by a refusal that is answered
    // before the record, and HANDLE_TAKEN would be.
    let attach = Attach { handle: link.next_handle(), ..attach.clone() };
    let begin = Instant::now();
    let answer = link.ask(Body::Attach(attach)).await?;
    let took = begin.elapsed().as_secs_f64();
    answer.reject(RejectCode::Refused)?;
    Ok(took)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The chance of signs at least as uneven as these, both ways, by the normal approximation with
/// continuity correction; for the numbers used here it is exact enough by far.
fn sign_test(above: usize, count: usize) -> f64 {
    if count == 0 {
        return 1.0;
    }
    let (above, count) = (above as f64, count as f64);
    let z = ((above - count / 2.0).abs() - 0.5).max(0.0) / (count / 4.0).sqrt();
    erfc(z / std::f64::consts::SQRT_2)
}

/// The complementary error function for x ≥ 0: Abramowitz and Stegun 7.1.26 is too coarse for
/// tails, so this is the continued fraction there and the series near zero.
fn erfc(x: f64) -> f64 {
    if x < 2.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..60 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return 1.0 - sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let mut fraction = 0.0;
    for n in (1..60).rev() {
        fraction = f64::from(n) / 2.0 / (x + fraction);
    }
    (-x * x).exp() / (x + fraction) / std::f64::consts::PI.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sign_test_knows_known_values() {
        assert!((erfc(0.5) - 0.479_500_122).abs() < 1e-8);
        assert!((erfc(2.5) - 4.069_520_17e-4).abs() < 1e-11);
        assert!((erfc(4.0) / 1.541_725_79e-8 - 1.0).abs() < 1e-7);
        assert!(sign_test(1_000, 2_000) > 0.9);
        assert!(sign_test(1_100, 2_000) > P);
        assert!(sign_test(1_115, 2_000) < P);
        assert!(sign_test(885, 2_000) < P);
    }

    #[test]
    fn only_what_is_large_and_certain_counts() {
        assert!(Found { micros: -51.0, p: 1e-7 }.is_different());
        assert!(!Found { micros: 49.0, p: 1e-9 }.is_different());
        assert!(!Found { micros: 500.0, p: 1e-5 }.is_different());
    }
}
