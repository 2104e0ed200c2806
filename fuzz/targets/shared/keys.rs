//! The keys that the seeds are for; made for fuzzing alone.

use std::sync::LazyLock;

use chancery_cms::DecryptionKey;
use chancery_crypto::PrivateKey;

/// An RSA key and one on P-256, each for a certificate of its own.
pub static KEYS: LazyLock<[DecryptionKey; 2]> = LazyLock::new(|| {
    let key = |pkcs8: &[u8], certificate: &[u8]| {
        let key = PrivateKey::from_pkcs8_der(pkcs8).expect("a key");
        DecryptionKey::new(key, certificate).expect("a pair")
    };
    [
        key(include_bytes!("../../keys/rsa.pkcs8"), include_bytes!("../../keys/rsa.der")),
        key(include_bytes!("../../keys/ec.pkcs8"), include_bytes!("../../keys/ec.der")),
    ]
});
