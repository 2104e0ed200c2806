//! TLS configurations for both sides, and what a handshake told.

use std::sync::Arc;

use chancery_fault::{Code, Coded};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{CommonState, RootCertStore};

use crate::codes;

/// What a client needs to speak TLS, as [`client_verified`] makes it.
pub use rustls::ClientConfig;
/// What a listener needs to speak TLS, as [`server`] makes it.
pub use rustls::ServerConfig;

pub mod danger;
mod pinned;

use pinned::PinnedServer;

/// A certificate chain and its key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// What is known about a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsInfo {
    /// Such as `TLSv1.3`.
    pub version: &'static str,
    /// Such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher: &'static str,
    /// The peer's certificate in DER, if it showed one.
    pub peer_certificate: Option<Vec<u8>>,
    /// The peer's certificate was checked against roots and name.
    pub is_verified: bool,
}

/// Whether a server asks clients for certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Ask, take any or none; the handler decides what a certificate is worth. The client does prove that it has the key.
    Ask,
    /// Do not ask.
    #[default]
    Ignore,
}

/// Why a TLS configuration cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The PEM text has no certificate or no key, or is broken.
    #[error("cannot read the {what} in PEM: {reason}")]
    Pem {
        /// Certificate or key.
        what: &'static str,
        /// What the reader said.
        reason: String,
    },
    /// The library refuses certificate, key or roots.
    #[error("cannot use the certificate, key or roots: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Coded for Error {
    fn code(&self) -> &'static Code {
        &codes::TLS_CONFIGURATION
    }
}

impl Identity {
    /// Reads a chain (own certificate first) and a key (PKCS#8, SEC 1 or PKCS#1) in PEM.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| Error::Pem { what: "certificate", reason: error.to_string() })?;
        if chain.is_empty() {
            return Err(Error::Pem { what: "certificate", reason: "there is none".to_owned() });
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| Error::Pem { what: "key", reason: error.to_string() })?;
        Ok(Self { chain, key })
    }

    /// Takes a chain of DER certificates (own certificate first) and a PKCS#8 key.
    pub fn from_der(chain: Vec<Vec<u8>>, pkcs8: Vec<u8>) -> Self {
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        Self { chain, key: PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pkcs8)) }
    }
}

impl TlsInfo {
    /// Reads the facts of a finished handshake.
    pub(crate) fn of(connection: &CommonState, is_verified: bool) -> Self {
        let version =
            connection.protocol_version().and_then(|version| version.as_str()).unwrap_or("unknown");
        let cipher = connection
            .negotiated_cipher_suite()
            .and_then(|suite| suite.suite().as_str())
            .unwrap_or("unknown");
        let peer_certificate =
            connection.peer_certificates().and_then(<[_]>::first).map(|der| der.to_vec());
        Self { version: version_name(version), cipher, peer_certificate, is_verified }
    }
}

/// Makes the configuration of a listener.
pub fn server(
    identity: &Identity,
    clients: ClientCertificates,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = provider();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match clients {
        ClientCertificates::Ask => {
            builder.with_client_cert_verifier(Arc::new(danger::AnyClient::new(provider)))
        }
        ClientCertificates::Ignore => builder.with_no_client_auth(),
    };
    Ok(Arc::new(builder.with_single_cert(identity.chain.clone(), identity.key.clone_key())?))
}

/// Makes a client configuration that encrypts and does not check whom it talks to (opportunistic security, RFC 7435).
pub fn client_opportunistic(identity: Option<&Identity>) -> Result<Arc<ClientConfig>, Error> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(danger::AnyServer::new(provider)));
    with_identity(builder, identity)
}

/// Makes a client configuration that checks the server's chain against `roots` (DER) and its name.
pub fn client_verified(
    roots: &[Vec<u8>],
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, Error> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(CertificateDer::from(root.as_slice()))?;
    }
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(store);
    with_identity(builder, identity)
}

/// Makes a client configuration that takes servers whose public key is the right one, whatever their certificates say.
///
/// `accepts` is asked about the key as its certificate has it (`SubjectPublicKeyInfo` in DER).
pub fn client_pinned(
    accepts: impl Fn(&[u8]) -> bool + Send + Sync + 'static,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedServer::new(provider, accepts)));
    with_identity(builder, None)
}

fn with_identity(
    builder: rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>,
    identity: Option<&Identity>,
) -> Result<Arc<ClientConfig>, Error> {
    let config = match identity {
        Some(identity) => {
            builder.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

/// The one provider, named here so that nothing depends on a process-wide default.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// The name that OpenSSL and RFC 8314 `Received` clauses use.
fn version_name(name: &'static str) -> &'static str {
    match name {
        "TLSv1_2" => "TLSv1.2",
        "TLSv1_3" => "TLSv1.3",
        other => other,
    }
}
