//! https and wss served directly. A proxy in front is the usual way; this is for small installations.

use crate::config::TlsFiles;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::error::Error;
use std::path::Path;

/// Reads the certificate chain and the key.
pub fn server_config(files: &TlsFiles) -> Result<ServerConfig, Box<dyn Error>> {
    let unreadable = |path: &Path| {
        let path = path.display().to_string();
        move |error| format!("{path} can't be read as PEM: {error}")
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate_chain)
        .and_then(|chain| chain.collect::<Result<Vec<_>, _>>())
        .map_err(unreadable(&files.certificate_chain))?;
    if chain.is_empty() {
        return Err(format!("{} holds no certificate", files.certificate_chain.display()).into());
    }
    let key = PrivateKeyDer::from_pem_file(&files.private_key).map_err(unreadable(&files.private_key))?;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(config)
}
