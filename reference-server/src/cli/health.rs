//! `healthcheck`: gRPC health over the very socket that clients use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::{Failure, say, serve};
use crate::config::{Config, Settings, Tls};
use crate::edge::LINK_SERVICE;
use crate::tls;

/// Time for the whole check.
const LIMIT: Duration = Duration::from_secs(5);
/// Longest answer, in bytes.
const ANSWER_MAX: usize = 64;

type CheckError = Box<dyn std::error::Error + Send + Sync>;

/// Asks every edge of the configured server whether it serves links.
pub(crate) fn check(settings: &Settings) -> Result<(), Failure> {
    let runtime = serve::runtime()?;
    for place in settings.config.listens() {
        let to = local(place.listen);
        let asked = runtime.block_on(async {
            tokio::time::timeout(LIMIT, ask(&settings.config, to))
                .await
                .unwrap_or_else(|_| Err("no answer within 5 seconds".into()))
        });
        match asked {
            Ok(ServingStatus::Serving) => {}
            Ok(_) => {
                let message = format!("the server on {to} answers that it does not serve");
                return Err(Failure::work(message));
            }
            Err(error) => {
                return Err(Failure::work(format!("no server that serves on {to}: {error}")));
            }
        }
    }
    say("serving");
    Ok(())
}

/// Where a server that listens on `listen` is reached from this machine.
fn local(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(ip, listen.port())
}

#[expect(clippy::disallowed_methods, reason = "a command of the operator's, not the server")]
async fn ask(config: &Config, to: SocketAddr) -> Result<ServingStatus, CheckError> {
    let socket = TcpStream::connect(to).await?;
    let Some(Tls::Files { certificate, .. }) = &config.tls else { return request(socket).await };
    let shown = tls::read_chain(certificate)?.into_iter().next().ok_or("no certificate")?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Pinned { shown, provider: Arc::clone(&provider) };
    let mut client = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(config.edge.host.clone())?;
    request(tokio_rustls::TlsConnector::from(Arc::new(client)).connect(name, socket).await?).await
}

async fn request<T>(io: T) -> Result<ServingStatus, CheckError>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(io)).await?;
    let connection = tokio::spawn(connection);
    let message = HealthCheckRequest { service: LINK_SERVICE.to_owned() }.encode_to_vec();
    let length = u32::try_from(message.len())?.to_be_bytes();
    let body = [&[0][..], &length, &message].concat();
    let request = Request::post("http://localhost/grpc.health.v1.Health/Check")
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Full::new(Bytes::from(body)))?;
    let answer = sender.send_request(request).await?;
    let answer = http_body_util::Limited::new(answer.into_body(), ANSWER_MAX).collect().await?;
    connection.abort();
    let bytes = answer.to_bytes();
    let message = bytes.get(5..).ok_or("the answer is no message")?;
    Ok(HealthCheckResponse::decode(message)?.status())
}

/// Accepts the configured certificate and no other.
#[derive(Debug)]
struct Pinned {
    shown: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.shown {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
