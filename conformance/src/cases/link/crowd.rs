//! Many at once, and peers that never come to a link.

use edgewise_proto::v1::{self, RejectCode, item::Body};
use edgewise_spec::constants::HALF_OPEN_MAX;

use crate::case::{Case, case};
use crate::peer::{Carrier, Class, Heard, Http, OPEN, PATIENCE};
use crate::trial::{Stop, Trial, Verdict, ensure_eq};

/// All of them.
pub const CASES: &[Case] = &[
    case!("link/too-many-half-open", [LINK_20, LINK_21], too_many_half_open, alone),
    case!("link/rapid-resets", [LINK_37], rapid_resets),
    case!("link/broken-hellos", [LINK_37], broken_hellos),
];

/// Streams of one HTTP/2 connection, where the server allows as many.
const STREAMS_MAX: usize = 64;

/// Opens a stream on the connection at hand, or on a new one when that is full.
async fn open_another(t: &Trial, https: &mut Vec<(Http, usize)>) -> Result<Carrier, Stop> {
    let full = match https.last_mut() {
        Some((http, streams)) => *streams >= http.streams_max().await?.min(STREAMS_MAX),
        None => true,
    };
    if full {
        https.push((t.http().await?, 0));
    }
    let (http, streams) = https.last_mut().ok_or_else(|| Stop::harness("no connection"))?;
    *streams += 1;
    http.open(OPEN, t.trace()).await
}

async fn too_many_half_open(t: &mut Trial) -> Verdict {
    let mut pair = t.pair(Class::Medium).await?;
    let (mut https, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..HALF_OPEN_MAX {
        streams.push(open_another(t, &mut https).await?);
    }
    let (http, mut beyond) = t.stream().await?;
    const RESOURCE_EXHAUSTED: u32 = 8;
    match beyond.receive_within(PATIENCE).await? {
        Heard::End(ending)
            if ending.status == Some(RESOURCE_EXHAUSTED) && ending.message.is_empty() => {}
        Heard::End(ending) => {
            return Err(Stop::fail("bare status RESOURCE_EXHAUSTED (8)", ending.to_string()));
        }
        Heard::Message(_) => {
            return Err(Stop::fail("bare status RESOURCE_EXHAUSTED (8)", "a block"));
        }
    }
    drop(http);
    // Links that were there before go on.
    let part = t.part(Class::Medium);
    pair.send(part).await?;
    drop(streams);
    drop(https);
    // There is room again once the streams are gone.
    for _ in 0..50 {
        match t.link(Class::Small).await {
            Ok(mut link) => return link.finish().await,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    }
    t.link(Class::Small).await?.finish().await
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
