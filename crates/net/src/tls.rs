//! TLS configurations for both sides, and what a handshake told.

use std::sync::Arc;

use chancery_fault::{Code, Coded};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::codes;

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
    /// Such as `TLS_AES_256_GCM_SHA384`.
    pub cipher: &'static str,
    /// The peer's certificate in DER, if it showed one.
    pub peer_certificate: Option<Vec<u8>>,
    /// The peer's certificate was checked against roots and name.
    pub is_verified: bool,
}

/// Whether a server asks clients for certificates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Ask, take any or none; the handler decides what a certificate is worth.
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
        let _ = (chain, key);
        todo!()
    }

    /// Takes a chain of DER certificates and a PKCS#8 key.
    pub fn from_der(chain: Vec<Vec<u8>>, pkcs8: Vec<u8>) -> Result<Self, Error> {
        let _ = (chain, pkcs8);
        todo!()
    }
}

/// Makes the configuration of a listener.
pub fn server(
    identity: &Identity,
    clients: ClientCertificates,
) -> Result<Arc<rustls::ServerConfig>, Error> {
    let _ = (&identity.chain, &identity.key, clients);
    todo!()
}

/// Makes a client configuration that encrypts and does not check whom it talks to (RFC 7435).
pub fn client_opportunistic(
    identity: Option<&Identity>,
) -> Result<Arc<rustls::ClientConfig>, Error> {
    let _ = identity;
    todo!()
}

/// Makes a client configuration that checks the server's chain against `roots` (DER) and its name.
pub fn client_verified(
    roots: &[Vec<u8>],
    identity: Option<&Identity>,
) -> Result<Arc<rustls::ClientConfig>, Error> {
    let _ = (roots, identity);
    todo!()
}
