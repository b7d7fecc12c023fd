//! TLS, HTTP/2 limits, health, and stopping.

use std::sync::Arc;
use std::time::Duration;

use edgewise_proto::v1::GoodbyeCode;
use edgewise_server::config::Tls;
use edgewise_server::{Clock, Running};
use edgewise_spec::frame::Class;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, NamedGroup, SignatureScheme, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::peer::{
    Came, Link, Stream, connect, connect_over, epoch, eventually, grpc, request, start, start_with,
};

/// Any certificate will do: the fingerprint is the identity.
#[derive(Debug)]
struct Any;

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

async fn handshake(
    running: &Running,
    version: &'static SupportedProtocolVersion,
) -> std::io::Result<TlsStream> {
    let mut config =
        rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Any))
            .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let socket = TcpStream::connect(running.local).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

#[tokio::test]
async fn tls_is_1_3_with_the_hybrid_key_exchange_and_nothing_to_be_known_again_by() {
    let running =
        start_with(Clock::controlled(), |config| config.tls = Some(Tls::SelfSigned)).await;
    assert!(running.address.tls);
    let stream = handshake(&running, &rustls::version::TLS13).await.unwrap();
    let session = stream.get_ref().1;
    let group = session.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, NamedGroup::X25519MLKEM768);
    assert_eq!(session.alpn_protocol(), Some(&b"h2"[..]));
    let carrier = connect_over(stream, 65_535).await;
    let epoch = epoch(&running, &carrier).await;
    let link = Link::open_on(&carrier, &epoch, Class::Medium).await;
    eventually("a link over TLS", || running.stats().links == 1).await;
    drop(link);
}

#[tokio::test]
async fn tls_1_2_and_cleartext_are_refused_where_tls_is_on() {
    let running =
        start_with(Clock::controlled(), |config| config.tls = Some(Tls::SelfSigned)).await;
    assert!(handshake(&running, &rustls::version::TLS12).await.is_err());
    let socket = TcpStream::connect(running.local).await.unwrap();
    let (sender, connection) =
        h2::client::Builder::new().handshake::<_, bytes::Bytes>(socket).await.unwrap();
    assert!(connection.await.is_err());
    drop(sender);
    eventually("no carriers", || running.stats().carriers == 0).await;
}

#[tokio::test]
async fn the_server_announces_its_bounds() {
    let running = start().await;
    let mut sender = connect(running.local).await.ready().await.unwrap();
    let (answer, mut send) =
        sender.send_request(request("/grpc.health.v1.Health/Check"), false).unwrap();
    send.send_data(grpc(&[]), true).unwrap();
    let mut body = answer.await.unwrap().into_body();
    let bytes = body.data().await.unwrap().unwrap();
    assert_eq!(bytes[..], grpc(&[0x08, 0x01])[..], "serving");
    assert_eq!(sender.current_max_send_streams(), 2);
}

#[tokio::test]
async fn headers_beyond_the_list_are_refused() {
    let running = start().await;
    let mut sender = connect(running.local).await.ready().await.unwrap();
    let mut request = request("/edgewise.v1.LinkService/Describe");
    request.headers_mut().insert("x-long", "a".repeat(5_000).parse().unwrap());
    let (answer, _) = sender.send_request(request, true).unwrap();
    match answer.await {
        Ok(response) => assert_eq!(response.status(), 431),
        Err(error) => assert!(error.is_reset() || error.is_go_away(), "{error}"),
    }
}

#[tokio::test]
async fn what_is_not_grpc_is_refused_in_http() {
    let running = start().await;
    let mut sender = connect(running.local).await.ready().await.unwrap();
    for (method, kind, status) in [("GET", "application/grpc", 405), ("POST", "text/html", 415)] {
        let mut asked = request("/edgewise.v1.LinkService/Describe");
        *asked.method_mut() = method.parse().unwrap();
        asked.headers_mut().insert("content-type", kind.parse().unwrap());
        let (answer, _) = sender.send_request(asked, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn a_shutdown_says_goodbye_and_ends() {
    let running = start().await;
    let mut links = Vec::new();
    for class in Class::ALL {
        links.push(Link::open(&running, class).await);
    }
    let carrier = connect(running.local).await;
    let mut half_open = Stream::open(&carrier, "/edgewise.v1.LinkService/Open").await;
    let mut watch = Stream::open(&carrier, "/grpc.health.v1.Health/Watch").await;
    watch.put(grpc(&[])).await;
    watch.half_close();
    assert_eq!(watch.message().await[..], [0x08, 0x01]);
    eventually("a half-open link", || running.stats().half_open == 1).await;
    let local = running.local;
    let started = tokio::time::Instant::now();
    let stopped = tokio::spawn(running.shutdown());
    for link in &mut links {
        assert_eq!(link.goodbye().await, GoodbyeCode::Shutdown);
    }
    assert_eq!(half_open.status().await, 14);
    assert_eq!(watch.message().await[..], [0x08, 0x02], "not serving");
    assert!(TcpStream::connect(local).await.is_err(), "nothing is accepted");
    stopped.await.unwrap();
    // The health watcher never ends its stream: the hard deadline of two seconds does.
    assert!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(watch.came().await, Came::Broken);
}

#[tokio::test]
async fn a_dropped_server_leaves_nothing_behind() {
    let running = start().await;
    let mut link = Link::open(&running, Class::Small).await;
    let local = running.local;
    drop(running);
    assert_eq!(link.next().await, Err(Came::Broken));
    let gone = async {
        while TcpStream::connect(local).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
}

#[tokio::test]
async fn a_reloaded_certificate_is_shown_to_new_carriers_and_a_broken_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("c.pem"), folder.path().join("k.pem"));
    let write = || {
        let made = edgewise_server::tls::self_signed("localhost").unwrap();
        std::fs::write(&certificate, made.certificate_pem).unwrap();
        std::fs::write(&key, made.key_pem).unwrap();
    };
    write();
    let files = Tls::Files { certificate: certificate.clone(), key: key.clone() };
    let running = start_with(Clock::controlled(), |config| config.tls = Some(files)).await;
    let first = shown(&running).await;
    assert_eq!(shown(&running).await, first);
    write();
    running.reload();
    let second = shown(&running).await;
    assert_ne!(second, first);
    std::fs::write(&certificate, "nonsense").unwrap();
    running.reload();
    assert_eq!(shown(&running).await, second);
}

async fn shown(running: &Running) -> Vec<u8> {
    let stream = handshake(running, &rustls::version::TLS13).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}
