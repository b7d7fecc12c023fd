//! Logs name no connection, no peer and no id, at any level.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use edgewise_server::Clock;
use edgewise_server::cli::subscriber;
use edgewise_server::config::{LogFormat, LogLevel, Tls};
use edgewise_spec::frame::Class;

use crate::peer::{Link, Pair, connect, start_with};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// On the current thread alone: the subscriber is this thread's.
#[tokio::test(flavor = "current_thread")]
async fn nothing_that_names_anyone_is_logged_at_the_finest_level() {
    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = subscriber(LogLevel::Trace, LogFormat::Json, move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let running = start_with(Clock::controlled(), |_| ()).await;
    let mut pair = Pair::new(&running, Class::Small).await;
    pair.subscribe(4).await;
    let send = pair.send(0);
    pair.sender.done(send).await;
    let mut link = Link::open(&running, Class::Medium).await;
    let bad = pair.keys.attach(&pair.sender, edgewise_spec::connection::Role::Sender, 0);
    link.reject(bad).await;
    link.stream.block(&[1; 10]).await;
    link.goodbye().await;
    let carrier = connect(running.local).await;
    drop(carrier);
    running.advance(8 * 86_400).unwrap();
    running.reload();
    let port = running.local.port();
    let fingerprint = hex::encode(running.address.fingerprint);
    running.shutdown().await;

    let text = sink.text();
    assert!(text.contains("a new epoch has begun"), "something is logged: {text}");
    let mut names = vec![
        "127.0.0.1".to_owned(),
        port.to_string(),
        fingerprint,
        "peer".to_owned(),
        "h2".to_owned(),
        "hyper".to_owned(),
    ];
    let keys = [&pair.keys.recipient, &pair.keys.sender, &pair.keys.claim];
    for bytes in
        keys.iter().map(|key| *key.verifying_key().as_bytes()).chain([pair.keys.recipient_id])
    {
        names.push(hex::encode(&bytes[..4]));
        names.push(format!("{:?}", &bytes[..4]).trim_matches(['[', ']']).to_owned());
    }
    for name in names {
        assert!(!text.contains(&name), "{name} is named: {text}");
    }
}

#[test]
fn no_library_is_heard_at_any_level() {
    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = subscriber(LogLevel::Trace, LogFormat::Text, move || writer.clone());
    tracing::subscriber::with_default(subscriber, || {
        tracing::error!(target: "h2::proto", "peer 192.0.2.1 reset");
        tracing::error!(target: "tonic", "peer 192.0.2.1");
        tracing::info!(target: "edgewise_server::server", "serving");
    });
    assert!(sink.text().contains("serving"));
    assert!(!sink.text().contains("192.0.2.1"));
}

#[test]
fn secrets_print_nothing() {
    let mut config = edgewise_server::Config::ephemeral(
        edgewise_spec::link::IdentityKey::generate(&mut crate::peer::rng()),
    );
    config.tls = Some(Tls::SelfSigned);
    let key = edgewise_spec::connection::AccessKey::from_bytes(&[0xab; 32]);
    config.access = Some(Arc::new(key));
    let text = format!("{config:?}");
    assert!(text.contains("AccessKey") && text.contains("Identity(86400)"), "{text}");
    assert!(!text.contains("171") && !text.to_lowercase().contains("abab"), "{text}");
}
