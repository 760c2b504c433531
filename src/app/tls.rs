//! Serves https and wss directly. A proxy in front is the usual way; this is for small installations. A renewed
//! certificate is loaded while the server runs: open connections keep the old one, new ones get the new one.

use crate::config::TlsFiles;
use parking_lot::{Mutex, RwLock};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::error::Error;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// The certificate that is served.
pub struct Tls {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    served: RwLock<Arc<CertifiedKey>>,
    /// Of the files that were read last, whether they could be used or not.
    read: Mutex<Stamp>,
}

/// A stamp that shows whether a file was replaced or written to. Links are followed, since some renewals switch a link.
type Stamp = [Option<(u64, u64, u64, i64, i64)>; 2];

impl Tls {
    /// Reads the certificate chain and the key.
    pub fn read(files: &TlsFiles) -> Result<Arc<Self>, Box<dyn Error>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let stamp = stamp(files);
        let served = RwLock::new(Arc::new(certified_key(files, &provider)?));
        Ok(Arc::new(Self { files: files.clone(), provider, served, read: Mutex::new(stamp) }))
    }

    pub fn server_config(self: &Arc<Self>) -> Result<ServerConfig, rustls::Error> {
        Ok(ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(self.clone()))
    }

    /// Reads the files again. Where they can't be used the server goes on with what it has.
    pub fn reload(&self) {
        *self.read.lock() = stamp(&self.files);
        match certified_key(&self.files, &self.provider) {
            Ok(key) => {
                *self.served.write() = Arc::new(key);
                log::info!("certificate reloaded file={:?}", self.files.certificate_chain);
            }
            Err(error) => log::error!(
                "the new certificate can't be used; the old one stays in use: TLS_CERT_FILE, TLS_KEY_FILE: {error}"
            ),
        }
    }

    /// Reloads when the files have changed, until the server ends. Certificate and key are written one after the other, so they
    /// are read once they have stayed the same for a look.
    pub async fn follow(self: Arc<Self>) {
        let mut seen = stamp(&self.files);
        loop {
            tokio::time::sleep(LOOK).await;
            self.look(&mut seen);
        }
    }

    fn look(&self, seen: &mut Stamp) {
        let now = stamp(&self.files);
        let is_settled = std::mem::replace(seen, now) == now;
        let is_read = *self.read.lock() == now;
        if is_settled && !is_read {
            self.reload();
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.served.read().clone())
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificate_chain, &files.private_key].map(|path| {
        let found = path.metadata().ok()?;
        Some((found.dev(), found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
    })
}

/// The server's own certificate, in DER form: the first of the chain.
pub fn leaf(files: &TlsFiles) -> Result<CertificateDer<'static>, Box<dyn Error>> {
    Ok(chain(files)?.swap_remove(0))
}

fn unreadable(path: &Path) -> impl Fn(rustls::pki_types::pem::Error) -> String + use<> {
    let path = path.display().to_string();
    move |error| format!("{path} can't be read as PEM: {error}")
}

/// At least one certificate.
fn chain(files: &TlsFiles) -> Result<Vec<CertificateDer<'static>>, Box<dyn Error>> {
    let chain = CertificateDer::pem_file_iter(&files.certificate_chain)
        .and_then(|chain| chain.collect::<Result<Vec<_>, _>>())
        .map_err(unreadable(&files.certificate_chain))?;
    match chain.is_empty() {
        true => Err(format!("{} holds no certificate", files.certificate_chain.display()).into()),
        false => Ok(chain),
    }
}

fn certified_key(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, Box<dyn Error>> {
    let chain = chain(files)?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key).map_err(unreadable(&files.private_key))?;
    // Refuses a key that is another certificate's.
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};
    use std::path::PathBuf;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let folder = std::env::temp_dir().join(format!("fleetwire-tls-{}", uuid::Uuid::new_v4()));
            std::fs::create_dir(&folder).unwrap();
            Self(folder)
        }

        fn files(&self) -> TlsFiles {
            TlsFiles { certificate_chain: self.0.join("cert.pem"), private_key: self.0.join("key.pem") }
        }

        /// A certificate and its key, in their place.
        fn renew(&self) -> CertificateDer<'static> {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = certificate.self_signed(&key).unwrap();
            std::fs::write(self.files().certificate_chain, certificate.pem()).unwrap();
            std::fs::write(self.files().private_key, key.serialize_pem()).unwrap();
            certificate.der().clone()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn served(tls: &Tls) -> CertificateDer<'static> {
        tls.served.read().cert[0].clone()
    }

    /// A renewed certificate wanted a restart, and each of these closes every socket.
    #[test]
    fn a_renewed_certificate_is_served_and_one_that_cannot_be_used_is_not() {
        let folder = Folder::new();
        let first = folder.renew();
        let tls = Tls::read(&folder.files()).unwrap();
        assert_eq!(served(&tls), first);
        let second = folder.renew();
        tls.reload();
        assert_eq!(served(&tls), second);
        let old_key = std::fs::read(folder.files().private_key).unwrap();
        folder.renew();
        std::fs::write(folder.files().private_key, old_key).unwrap();
        tls.reload();
        assert_eq!(served(&tls), second, "the key is another certificate's");
        std::fs::write(folder.files().certificate_chain, "").unwrap();
        tls.reload();
        assert_eq!(served(&tls), second);
    }

    #[test]
    fn files_that_change_are_read_by_themselves_once_they_are_whole() {
        let folder = Folder::new();
        let first = folder.renew();
        let tls = Tls::read(&folder.files()).unwrap();
        let mut seen = stamp(&tls.files);
        tls.look(&mut seen);
        let second = folder.renew();
        tls.look(&mut seen);
        assert_eq!(served(&tls), first, "more may be on its way");
        tls.look(&mut seen);
        assert_eq!(served(&tls), second);
        std::fs::write(folder.files().certificate_chain, "").unwrap();
        for _ in 0..3 {
            tls.look(&mut seen);
        }
        assert_eq!((served(&tls), *tls.read.lock()), (second, stamp(&tls.files)), "tried once");
    }
}
