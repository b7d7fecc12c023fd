//! A byte stream to an edge: TCP, and TLS 1.3 around it unless the address says otherwise.

use std::sync::Arc;

use edgewise_spec::link::Address;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::carrier::Io;
use crate::error::Error;

/// Connects to the edge of an address.
pub(crate) async fn connect(address: &Address) -> Result<Box<dyn Io>, Error> {
    let edge = &address.edge;
    let unreachable = |why: String| Error::Unreachable { edge: edge.to_string(), why };
    let tcp = TcpStream::connect((edge.host.as_str(), edge.port))
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    tcp.set_nodelay(true).map_err(|error| unreachable(error.to_string()))?;
    if !address.tls {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(edge.host.clone())
        .map_err(|_| unreachable("no host name that TLS can ask for".to_owned()))?;
    let config = tls_config().map_err(|error| unreachable(error.to_string()))?;
    let tls = TlsConnector::from(Arc::new(config))
        .connect(name, tcp)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    Ok(Box::new(tls))
}

/// TLS 1.3 with X25519MLKEM768 first. It hides the link from the network; what proves the server
/// is the link's handshake.
fn tls_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate {
            schemes: provider.signature_verification_algorithms.supported_schemes(),
        }))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    // A resumed session would let a server tie one link to another.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Accepts every certificate, because the fingerprint in the address is the server's identity and
/// the link's handshake proves it, inside TLS and without it.
#[derive(Debug)]
struct AnyCertificate {
    schemes: Vec<SignatureScheme>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.schemes.clone()
    }
}
