//! A server for these tests: the demonstration's, with TLS and with epochs that a test chooses.

use core::ops::Deref;

use edgewise_client::demo::server::{Config as ServerConfig, Server};
use edgewise_client::{Clock, SuiteId, TickMs};
use edgewise_spec::link::{Edge, IdentityKey};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a test server is like.
pub struct Config {
    pub suites: Vec<SuiteId>,
    /// The ticks that it offers.
    pub ticks: Vec<TickMs>,
    pub password: Option<&'static str>,
    /// Epoch records are of this number.
    pub epoch: u32,
    /// Epoch keys are made from it.
    pub seed: u8,
    /// TLS 1.3 around the streams, with a certificate that nobody has issued.
    pub tls: bool,
    /// Its clock, which may be others' too.
    pub clock: Clock,
    /// How long its epoch is good, in seconds.
    pub epoch_seconds: u64,
    /// Where its Description says that it is; none: where it listens.
    pub edges: Vec<Edge>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            suites: vec![SuiteId::Chacha20Poly1305, SuiteId::Aes256Gcm],
            ticks: TickMs::all().collect(),
            password: None,
            epoch: 1,
            seed: 1,
            tls: false,
            clock: Clock::default(),
            epoch_seconds: 86_400,
            edges: Vec::new(),
        }
    }
}

pub struct TestServer(Server);

impl Deref for TestServer {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.0
    }
}

impl TestServer {
    pub async fn start(config: Config) -> Self {
        Self::start_as(&IdentityKey::from_seed(&[42; 32]), config).await
    }

    pub async fn start_as(identity: &IdentityKey, config: Config) -> Self {
        let mut rng = ChaCha20Rng::from_seed([config.seed; 32]);
        let from = config.clock.now().seconds() - 1_000;
        let epoch = identity.sign_epoch(config.epoch, from, from + config.epoch_seconds, &mut rng);
        let config = ServerConfig {
            suites: config.suites,
            ticks: config.ticks,
            password: config.password.map(str::to_owned),
            tls: config.tls.then(tls_acceptor),
            epoch: Some(epoch),
            edges: config.edges,
            clock: config.clock,
        };
        Self(Server::start_as(identity, config).await.unwrap())
    }
}

/// It takes X25519MLKEM768 alone, so that a handshake is one by it.
fn tls_acceptor() -> tokio_rustls::TlsAcceptor {
    let made = rcgen::generate_simple_self_signed(["nobody.invalid".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups = vec![rustls::crypto::aws_lc_rs::kx_group::X25519MLKEM768];
    let mut config = rustls::ServerConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    std::sync::Arc::new(config).into()
}
