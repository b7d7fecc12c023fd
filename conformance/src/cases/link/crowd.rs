//! Many at once, and peers that never come to a link.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use edgewise_proto::v1::{self, RejectCode, item::Body};
use edgewise_spec::constants::{HALF_OPEN_MAX, HELLO_SECONDS};
use tokio::task::JoinSet;

use crate::case::{Case, case};
use crate::peer::{Address, Carrier, Class, Heard, Http, OPEN, PATIENCE, Trace};
use crate::trial::{Stop, Trial, Verdict, ensure, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/too-many-half-open", [LINK_20, LINK_21], too_many_half_open, quiet),
    case!("link/rapid-resets", [LINK_37], rapid_resets),
    case!("link/broken-hellos", [LINK_37], broken_hellos),
];

/// Streams of one HTTP/2 connection, where the server allows as many.
const STREAMS_MAX: usize = 64;
/// Tasks that open streams side by side; a divisor of [`HALF_OPEN_MAX`] and of [`BEYOND`].
const OPENERS: usize = 128;
/// Streams beyond those that the server has to bear.
const BEYOND: usize = 128;

/// Opens so many streams, on as many connections as that takes.
async fn open_many(
    address: Address,
    trace: Trace,
    count: usize,
) -> Result<Vec<(Http, Vec<Carrier>)>, Stop> {
    let (mut opened, mut left) = (Vec::new(), count);
    while left > 0 {
        let mut http = Http::connect(&address).await?;
        let room = http.streams_max().await?.clamp(1, STREAMS_MAX);
        let mut streams = Vec::new();
        for _ in 0..room.min(left) {
            streams.push(http.open(OPEN, &trace).await?);
        }
        left -= streams.len();
        opened.push((http, streams));
    }
    Ok(opened)
}

async fn open_all(t: &Trial) -> Result<Vec<(Http, Vec<Carrier>)>, Stop> {
    let (address, trace) = (&t.target().address, t.trace());
    let mut openers = JoinSet::new();
    for _ in 0..OPENERS {
        let count = (HALF_OPEN_MAX + BEYOND) / OPENERS;
        openers.spawn(open_many(address.clone(), trace.clone(), count));
    }
    let mut opened = Vec::new();
    while let Some(joined) = openers.join_next().await {
        opened.extend(joined.map_err(|error| Stop::harness(error.to_string()))??);
    }
    Ok(opened)
}

async fn too_many_half_open(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let begin = Instant::now();
    let mut opened = open_all(t).await?;
    let took = begin.elapsed();
    let refused = refused_of(&mut opened, begin).await?;
    if refused == 0 && took > Duration::from_secs(HELLO_SECONDS - 1) {
        // The first ones may be over for their age before the last ones came.
        let expected = format!("{HALF_OPEN_MAX} streams in less than HELLO_SECONDS");
        let actual = format!("{:.1} s for that", took.as_secs_f32());
        return Err(Stop::warn(expected, actual));
    }
    ensure!(
        (1..=BEYOND).contains(&refused),
        format!("those of {BEYOND} streams too many refused with a bare RESOURCE_EXHAUSTED (8)"),
        "{refused} refused"
    );
    // Links that were there before go on.
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    drop(opened);
    // There is room again once the streams are gone.
    for _ in 0..50 {
        match t.link(Class::Small).await {
            Ok(mut link) => return link.finish().await,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    t.link(Class::Small).await?.finish().await
}

/// How many of the streams are refused, as soon as enough are or nothing more can come.
async fn refused_of(opened: &mut [(Http, Vec<Carrier>)], begin: Instant) -> Result<usize, Stop> {
    const RESOURCE_EXHAUSTED: u32 = 8;
    // However long the opening took, the last answers get a second to come in.
    let usual = Duration::from_secs(HELLO_SECONDS - 2);
    let until = usual.max(begin.elapsed() + Duration::from_secs(1));
    let mut refused = 0;
    let mut over = HashSet::new();
    while refused < BEYOND && begin.elapsed() < until {
        tokio::time::sleep(Duration::from_millis(50)).await;
        for carrier in opened.iter_mut().flat_map(|(_, carriers)| carriers) {
            if over.contains(&carrier.number()) {
                continue;
            }
            match carrier.received().await {
                None => continue,
                Some(Heard::End(ending))
                    if ending.status == Some(RESOURCE_EXHAUSTED) && ending.message.is_empty() =>
                {
                    refused += 1;
                }
                Some(Heard::End(_)) if begin.elapsed().as_secs() >= HELLO_SECONDS - 1 => {
                    return Ok(refused);
                }
                Some(Heard::End(ending)) => {
                    let expected = "bare status RESOURCE_EXHAUSTED (8), or none";
                    return Err(Stop::fail(expected, ending.to_string()));
                }
                Some(Heard::Message(_)) => return Err(Stop::fail("no block", "a block")),
            }
            over.insert(carrier.number());
        }
    }
    Ok(refused)
}

async fn rapid_resets(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Small).await?;
    for round in 0..16 {
        let http = t.http().await?;
        for place in 0..32 {
            // A server may end a connection that resets too fast; the next round has another.
            let Ok(mut carrier) = http.open(OPEN, t.trace()).await else { break };
            if (round + place) % 2 == 0 {
                carrier.send_block(&[0; 1_024]).await?;
            }
            carrier.reset();
        }
    }
    let part = t.part(Class::Small);
    pair.send(part.clone()).await?;
    pair.subscribe(1).await?;
    ensure_eq!(pair.recipient.deliver().await?.part, part, "part");
    t.link(Class::Small).await?.finish().await
}

/// Hellos that stop half way, by an end of the stream, by a reset, by a lost connection.
async fn broken_hellos(t: &mut Trial) -> Verdict {
    let mut before = t.link(Class::Small).await?;
    let plan = t.hello(Class::Small).await?;
    let fingerprint = t.target().address.fingerprint;
    for round in 0..24 {
        let hello = plan.build(&fingerprint, t.rng())?;
        let (http, mut carrier) = t.stream().await?;
        for block in hello.blocks.iter().take(round % 4) {
            carrier.send_block(block).await?;
        }
        match round / 4 % 3 {
            0 => {
                carrier.half_close();
                is_over(&mut carrier).await?;
            }
            1 => carrier.reset(),
            _ => drop(http),
        }
    }
    let suspend = Body::Suspend(v1::Suspend { handle: 0 });
    before.ask(suspend).await?.reject(RejectCode::NotAttached)?;
    t.link(Class::Small).await?.finish().await
}

/// The stream comes to an end, after a reply where the hello was whole.
async fn is_over(carrier: &mut Carrier) -> Verdict {
    for _ in 0..4 {
        if let Heard::End(_) = carrier.receive_within(PATIENCE).await? {
            return Ok(());
        }
    }
    Err(Stop::fail("the end of a stream that its client has ended", "more blocks"))
}
