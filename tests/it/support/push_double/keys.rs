//! The keys of the doubles: those that the product signs with, and a certificate authority that lives as long as the test.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

pub const RSA_PRIVATE: &str = include_str!("../../../../src/operations/testdata/rs256-private.pem");
pub const RSA_PUBLIC: &str = include_str!("../../../../src/operations/testdata/rs256-public.pem");
pub const EC_PRIVATE: &str = include_str!("../../../../src/operations/testdata/es256-private.pem");
pub const EC_PUBLIC: &str = include_str!("../../../../src/operations/testdata/es256-public.pem");

/// An authority, and a certificate of it for this machine's loopback.
pub struct Authority {
    pub file: PathBuf,
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

impl Authority {
    pub fn new() -> Authority {
        let ca_key = KeyPair::generate().expect("keys can be made");
        let mut ca = CertificateParams::new(Vec::new()).expect("no names are good names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = ca.self_signed(&ca_key).expect("it can sign itself").pem();
        let issuer = Issuer::new(ca, ca_key);
        let key = KeyPair::generate().expect("keys can be made");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let leaf = CertificateParams::new(names).expect("good names");
        let leaf = leaf.signed_by(&key, &issuer).expect("the authority can sign");
        Authority {
            file: write(&pem),
            chain: vec![leaf.der().clone()],
            key: PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8"),
        }
    }

    pub fn server(&self, protocols: &[&str]) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("ring has them").with_no_client_auth();
        let mut config =
            builder.with_single_cert(self.chain.clone(), self.key.clone_key()).expect("they belong together");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

fn write(pem: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("push-ca.{}.{number}.pem", std::process::id());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, pem).expect("the target directory is writable");
    file
}
