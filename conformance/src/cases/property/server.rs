//! Properties of servers: random sequences of commands in lockstep with the model, and concurrent
//! histories.

use std::sync::Arc;

use super::report::{self, Account, SHRINK_WITHIN};
use crate::case::{Case, Need, case};
use crate::model::Terms;
use crate::peer::PATIENCE;
use crate::property::command::Powers;
use crate::property::coverage::{Cell, Coverage, REQUIRED};
use crate::property::sequence::Setting;
use crate::property::wire::Wires;
use crate::property::{Plan, Sequences, concurrent, resolve};
use crate::trial::{Stop, Trial, Verdict};

/// All of them.
pub const CASES: &[Case] = &[
    case!(
        "property/sequences",
        [
            CONNECTION_9,
            CONNECTION_18,
            CONNECTION_26,
            CONNECTION_27,
            CONNECTION_32,
            CONNECTION_33,
            CONNECTION_34,
            CONNECTION_35,
            CONNECTION_36,
            CONNECTION_42,
            CONNECTION_43,
            CONNECTION_44,
            CONNECTION_45,
            CONNECTION_46,
            CONNECTION_47,
            CONNECTION_48,
            CONNECTION_49,
            CONNECTION_50,
            CONNECTION_52,
            CONNECTION_53,
            ROTATION_11,
            ROTATION_12,
            ROTATION_15,
            ERROR_1,
            ERROR_2,
            ERROR_6
        ],
        sequences,
        long
    ),
    case!(
        "property/sequences-in-time",
        [CONNECTION_54, CONNECTION_55, CONNECTION_56, ROTATION_4, ROTATION_5, ROTATION_13],
        sequences_in_time,
        needs Clock
    ),
    case!(
        "property/sequences-with-loss",
        [CONNECTION_57, CONNECTION_8],
        sequences_with_loss,
        needs Restart
    ),
    case!(
        "property/histories",
        [CONNECTION_17, CONNECTION_19, CONNECTION_34, CONNECTION_50, ROTATION_12],
        histories
    ),
];

/// Commands of one sequence.
const COMMANDS: usize = 50;
/// Sequences, or histories, at a time.
const AT_ONCE: usize = 8;
/// From so many sequences on, every required combination of state, command and outcome is to be met.
const COVERING: u64 = 200;
/// Sequences after which a combination that was never met is a fault of the suite.
const COVERING_AT_MOST: u64 = 2_000;

async fn setting(t: &Trial, powers: Powers) -> Result<Setting, Stop> {
    let limits = t.limits().await?;
    let terms = Terms {
        quota_max: limits.quota_max,
        idle_days_max: limits.idle_days_max,
        part_days_max: limits.part_days_max,
        buried_hours: limits.link_life_seconds / 3_600,
    };
    if !resolve::grants(&terms) {
        return Err(Stop::unsupported("limits of at least 32 parts, 90 and 21 days"));
    }
    Ok(Setting { terms, powers, patience: PATIENCE })
}

fn wires(t: &Trial) -> Arc<Wires> {
    Arc::new(Wires::new(Arc::clone(t.target()), t.trace().clone()))
}

/// Carries out `plan`, or the sequence of a repro file, and writes down what fails.
async fn run(t: &Trial, powers: Powers, plan: Plan) -> Result<Coverage<Cell>, Stop> {
    let setting = setting(t, powers).await?;
    let account = Account { case: t.id(), settings: t.settings(), trace: t.trace() };
    report::run(Arc::new(Sequences { supply: wires(t), setting }), plan, &account).await
}

fn plan(t: &Trial, sequences: u64, at_once: usize) -> Plan {
    Plan {
        seed: t.seed(),
        first: 0,
        sequences,
        commands: COMMANDS,
        at_once,
        shrink_within: SHRINK_WITHIN,
    }
}

async fn sequences(t: &mut Trial) -> Verdict {
    let sequences = u64::from(t.cases());
    let mut plan = plan(t, sequences, AT_ONCE);
    let mut coverage = run(t, Powers::default(), plan).await?;
    let covering = t.replay().is_none() && sequences >= COVERING;
    // A rare combination is a matter of luck: the suite is at fault only if it stays away.
    while covering && !coverage.missing(REQUIRED).is_empty() && plan.first < COVERING_AT_MOST {
        plan = Plan { first: plan.first + plan.sequences, sequences: COVERING / 4, ..plan };
        coverage.add(&run(t, Powers::default(), plan).await?);
    }
    let missing = coverage.missing(REQUIRED);
    if covering && !missing.is_empty() {
        return Err(Stop::harness(format!("combinations that were never met: {missing:?}")));
    }
    Ok(())
}

async fn sequences_in_time(t: &mut Trial) -> Verdict {
    let powers = Powers { clock: true, restart: false };
    let sequences = u64::from(t.cases()).div_ceil(10);
    run(t, powers, plan(t, sequences, 1)).await.map(drop)
}

async fn sequences_with_loss(t: &mut Trial) -> Verdict {
    let powers = Powers { clock: t.target().has(Need::Clock), restart: true };
    let sequences = u64::from(t.cases()).div_ceil(20);
    run(t, powers, plan(t, sequences, 1)).await.map(drop)
}

async fn histories(t: &mut Trial) -> Verdict {
    if let Some(data) = t.replay() {
        let record: concurrent::Record = serde_json::from_value(data.clone())
            .map_err(|error| Stop::harness(format!("the repro file: {error}")))?;
        return history_again(t, &record).await;
    }
    let setting = setting(t, Powers::default()).await?;
    let histories = u64::from(t.cases()).div_ceil(4);
    match concurrent::explore(wires(t), setting, t.seed(), histories, AT_ONCE / 2).await {
        Ok(calls) => {
            t.note(format!("{histories} histories, {calls} calls"));
            Ok(())
        }
        Err(concurrent::Ended::Stopped(stop)) => Err(stop),
        Err(concurrent::Ended::Found(record)) => {
            let data =
                serde_json::to_value(&record).map_err(|error| Stop::harness(error.to_string()))?;
            let path = t.repro(data)?;
            let seen = contradiction(t, &record);
            Err(Stop::fail(LINEARIZABLE, format!("{seen} ({})", path.display())))
        }
    }
}

/// What histories have to be.
const LINEARIZABLE: &str = "a linearizable history";

/// Judges what was recorded first, which is proof by itself whatever the server does now, and
/// then carries out the script again.
async fn history_again(t: &mut Trial, record: &concurrent::Record) -> Verdict {
    let explained = record.is_linearizable()?;
    let again = match setting(t, Powers::default()).await {
        Ok(setting) => concurrent::again(&wires(t), &setting, &record.script).await,
        Err(stop) => Err(stop),
    };
    let again = match again {
        Err(stop) if explained => return Err(stop),
        Err(stop) => format!("its script cannot be carried out again: {stop:?}"),
        Ok(None) if explained => return Ok(()),
        Ok(None) => format!("its script, {} times again, has one each time", concurrent::AGAIN),
        Ok(Some(time)) => format!("its script has none when carried out again, time {time}"),
    };
    if explained {
        return Err(Stop::fail(LINEARIZABLE, format!("the recorded one has an order; {again}")));
    }
    let seen = contradiction(t, record);
    Err(Stop::fail(LINEARIZABLE, format!("as recorded, {seen}; {again}")))
}

/// Notes the calls that contradict one another, and says how many they are.
fn contradiction(t: &Trial, record: &concurrent::Record) -> String {
    for call in record.kept() {
        t.note(format!("{call:?}"));
    }
    let (kept, all) = (record.kept().count(), record.calls.len());
    let mut seen = format!("answers that no order explains: {kept} of {all} calls");
    if let Some(delivered) = record.delivered.as_ref().filter(|_| record.core.end) {
        t.note(format!("delivered in the end: {delivered:?}"));
        seen.push_str(" and what was delivered in the end");
    }
    seen
}
