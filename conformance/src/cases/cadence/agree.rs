//! Which ticks there are, and how a link gets one.

use edgewise_proto::v1::{HelloOptions, RejectCode};
use edgewise_spec::constants::{HELLO_OPTIONS_LEN, TICK_MS_LIST};
use prost::Message;

use super::{harmless, longest_tick};
use crate::case::{Case, case};
use crate::cases::SOON;
use crate::peer::{Carrier, Class, Heard, HelloPlan, Link, PATIENCE};
use crate::trial::{Stop, Trial, Verdict, ensure};

/// All of them.
pub const CASES: &[Case] = &[
    case!("cadence/ticks-come-from-the-list", [CADENCE_1], ticks_come_from_the_list),
    case!("cadence/tick-not-offered", [CADENCE_2], tick_not_offered),
    case!("cadence/tick-zero", [CADENCE_3], tick_zero),
    case!("cadence/handshake", [CADENCE_4, CADENCE_5], handshake),
];

/// gRPC's OUT_OF_RANGE.
const OUT_OF_RANGE: u32 = 11;

async fn ticks_come_from_the_list(t: &mut Trial) -> Verdict {
    let ticks = t.describe().await?.ticks;
    let expected = format!("ticks among {TICK_MS_LIST:?}, ascending, each once");
    let known = ticks.iter().all(|tick| TICK_MS_LIST.contains(tick));
    ensure!(known && ticks.is_sorted_by(|one, next| one < next), expected, "{ticks:?}");
    Ok(())
}

async fn ends_out_of_range(carrier: &mut Carrier) -> Verdict {
    let expected = "a bare OUT_OF_RANGE (11), without message and details";
    match carrier.receive_within(PATIENCE).await? {
        Heard::End(ending)
            if ending.status == Some(OUT_OF_RANGE)
                && ending.message.is_empty()
                && !ending.details =>
        {
            Ok(())
        }
        Heard::End(ending) => Err(Stop::fail(expected, ending.to_string())),
        Heard::Message(_) => Err(Stop::fail(expected, "a block")),
    }
}

async fn tick_not_offered(t: &mut Trial) -> Verdict {
    let offered = t.described().await?.ticks;
    let of_the_list = TICK_MS_LIST.into_iter().filter(|tick| !offered.contains(tick));
    let others = [1, 301, 1_000_000, u32::MAX].into_iter();
    for tick_ms in others.chain(of_the_list) {
        for class in [Class::Small, Class::Medium] {
            let plan = HelloPlan { tick_ms, ..t.hello(class).await? };
            let fingerprint = t.target().address.fingerprint;
            let hello = plan.build(&fingerprint, t.rng())?;
            let (_http, mut carrier) = t.stream().await?;
            for block in &hello.blocks {
                carrier.send_block(block).await?;
            }
            ends_out_of_range(&mut carrier).await?;
        }
    }
    Ok(())
}

/// A tick of 0 that is written out; left out it is what every other case does.
fn options_with_zero(class: Class) -> Vec<u8> {
    let mut options =
        HelloOptions { link_class: class.code(), ..HelloOptions::default() }.encode_to_vec();
    options.extend([3 << 3, 0]);
    let mut text = u16::try_from(options.len()).unwrap_or(0).to_be_bytes().to_vec();
    text.extend(options);
    text.resize(HELLO_OPTIONS_LEN, 0);
    text
}

async fn tick_zero(t: &mut Trial) -> Verdict {
    let plan = t.hello(Class::Small).await?;
    for options in [None, Some(options_with_zero(Class::Small))] {
        let plan = HelloPlan { options, ..plan.clone() };
        let mut link = t.link_of(&plan).await?;
        link.exactly(0, SOON).await?;
        link.send_items(&[]).await?;
        link.exactly(0, SOON).await?;
        link.ask(harmless()).await?.reject(RejectCode::NotAttached)?;
        link.finish().await?;
    }
    Ok(())
}

/// Hello and reply wait for no tick; the first block after them has the first answer.
async fn handshake(t: &mut Trial) -> Verdict {
    let tick_ms = longest_tick(t).await?;
    let classes = t.described().await?.classes;
    for class in Class::ALL.into_iter().filter(|class| classes.contains(&class.code())) {
        let plan = HelloPlan { tick_ms, ..t.hello(class).await? };
        let fingerprint = t.target().address.fingerprint;
        let hello = plan.build(&fingerprint, t.rng())?;
        let (http, mut carrier) = t.stream().await?;
        let keys = Link::shake(&mut carrier, &hello, class).await?;
        let mut link = Link::unconfirmed(carrier, Some(http), keys, class);
        link.exactly(0, SOON).await?;
        link.send_items(&[]).await?;
        link.exactly(1, SOON).await?;
    }
    Ok(())
}
