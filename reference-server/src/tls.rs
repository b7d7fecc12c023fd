//! TLS 1.3 around the link: the outer coat, not the identity.
//!
//! Links authenticate the server by its fingerprint, so the certificate may be anyone's, and is by
//! default self-signed. TLS hides from the network what the link does not: which gRPC method is
//! called, and when links end.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::config::Tls;

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be read, or holds nothing of the kind.
    #[error("cannot read a {what} from {path}: {reason}")]
    Pem {
        /// Certificate or private key.
        what: &'static str,
        /// Which file.
        path: String,
        /// Why.
        reason: String,
    },
    /// Certificate and key are read but do not go together.
    #[error("the certificate cannot be used: {0}")]
    Refused(#[from] rustls::Error),
    /// A self-signed certificate cannot be made.
    #[error("cannot make a self-signed certificate: {0}")]
    Made(#[from] rcgen::Error),
}

/// The certificate that is shown now; reloading replaces it for connections to come.
#[derive(Debug)]
pub struct Certificate {
    source: Tls,
    shown: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads or makes the certificate for `host`.
    ///
    /// # Errors
    /// [`TlsError`], with the file at fault.
    pub fn load(source: &Tls, host: &str) -> Result<Self, TlsError> {
        let shown = match source {
            Tls::Files { certificate, key } => from_files(certificate, key)?,
            Tls::SelfSigned => {
                let made = self_signed(host)?;
                let key = PrivatePkcs8KeyDer::from(made.key_der);
                certified(vec![made.certificate_der.into()], key.into())?
            }
        };
        Ok(Self { source: source.clone(), shown: RwLock::new(Arc::new(shown)) })
    }

    /// Reads the files again. On any error the certificate shown so far stays.
    ///
    /// # Errors
    /// [`TlsError`], with the file at fault.
    pub fn reload(&self) -> Result<(), TlsError> {
        if let Tls::Files { certificate, key } = &self.source {
            let read = Arc::new(from_files(certificate, key)?);
            *self.shown.write().unwrap_or_else(PoisonError::into_inner) = read;
        }
        Ok(())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.shown.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// TLS 1.3 alone, HTTP/2 alone, X25519MLKEM768 first, and nothing by which a client that comes
/// back could be known again: no tickets, no session cache.
///
/// # Errors
/// [`TlsError::Refused`] if the provider lacks TLS 1.3.
pub fn server_config(certificate: Arc<Certificate>) -> Result<Arc<rustls::ServerConfig>, TlsError> {
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// A certificate that nobody else has signed.
pub struct SelfSigned {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// Its private key, PEM.
    pub key_pem: String,
    certificate_der: Vec<u8>,
    key_der: Vec<u8>,
}

/// Makes a self-signed certificate with `host` (a name or an IP address) as its only SAN.
///
/// # Errors
/// [`TlsError::Made`] for a host that cannot stand in a certificate.
pub fn self_signed(host: &str) -> Result<SelfSigned, TlsError> {
    let key = rcgen::KeyPair::generate()?;
    let mut params = rcgen::CertificateParams::new(vec![host.to_owned()])?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "edgewise");
    let certificate = params.self_signed(&key)?;
    Ok(SelfSigned {
        certificate_pem: certificate.pem(),
        key_pem: key.serialize_pem(),
        certificate_der: certificate.der().to_vec(),
        key_der: key.serialize_der(),
    })
}

/// Reads the chain of a PEM file, the server's own certificate first.
///
/// # Errors
/// [`TlsError::Pem`].
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let refused = |reason: String| TlsError::Pem {
        what: "certificate",
        path: path.display().to_string(),
        reason,
    };
    let chain = CertificateDer::pem_file_iter(path)
        .map_err(|error| refused(error.to_string()))?
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refused(error.to_string()))?;
    if chain.is_empty() {
        return Err(refused("the file holds none".to_owned()));
    }
    Ok(chain)
}

fn from_files(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = read_chain(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::Pem {
        what: "private key",
        path: key.display().to_string(),
        reason: error.to_string(),
    })?;
    certified(chain, key)
}

fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<CertifiedKey, TlsError> {
    Ok(CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())?)
}
