//! The address of a server, read by the suite's own eyes (LINK-2).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use edgewise_spec::constants::HASH_LEN;

/// `edgewise://<fingerprint>@<host>:<port>`, optionally with `?tls=off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Hash of the server's identity key.
    pub fingerprint: [u8; HASH_LEN],
    /// Host name or IP address, an IPv6 one in brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether TLS lies outside.
    pub tls: bool,
}

/// Why a string is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not edgewise://<fingerprint>@<host>:<port>[?tls=off]")]
pub struct NoAddress(String);

impl FromStr for Address {
    type Err = NoAddress;

    // LINK-2
    fn from_str(text: &str) -> Result<Self, NoAddress> {
        let no = || NoAddress(text.to_owned());
        let rest = text.strip_prefix("edgewise://").ok_or_else(no)?;
        let (rest, tls) = rest.strip_suffix("?tls=off").map_or((rest, true), |rest| (rest, false));
        let (fingerprint, place) = rest.split_once('@').ok_or_else(no)?;
        let (host, port) = place.rsplit_once(':').ok_or_else(no)?;
        let bare = host.strip_prefix('[').map_or(Some(host), |host| host.strip_suffix(']'));
        if host.is_empty() || bare.is_none() || (bare == Some(host) && host.contains(':')) {
            return Err(no());
        }
        let bytes = URL_SAFE_NO_PAD.decode(fingerprint).map_err(|_| no())?;
        let fingerprint = bytes.try_into().map_err(|_| no())?;
        let port = port.parse().map_err(|_| no())?;
        Ok(Self { fingerprint, host: host.to_owned(), port, tls })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fingerprint = URL_SAFE_NO_PAD.encode(self.fingerprint);
        let off = if self.tls { "" } else { "?tls=off" };
        write!(f, "edgewise://{fingerprint}@{}:{}{off}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_text() {
        let name = URL_SAFE_NO_PAD.encode([7; 32]);
        for place in ["localhost:1", "127.0.0.1:65535?tls=off", "[::1]:443"] {
            let text = format!("edgewise://{name}@{place}");
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let name = URL_SAFE_NO_PAD.encode([7; 32]);
        let short = URL_SAFE_NO_PAD.encode([7; 31]);
        for text in [
            format!("http://{name}@a:1"),
            format!("edgewise://{short}@a:1"),
            format!("edgewise://{name}=@a:1"),
            format!("edgewise://{name}@a"),
            format!("edgewise://{name}@:1"),
            format!("edgewise://{name}@a:65536"),
            format!("edgewise://{name}@::1:443"),
            format!("edgewise://{name}@[::1:443"),
            format!("edgewise://{name}@a:1?tls=on"),
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
