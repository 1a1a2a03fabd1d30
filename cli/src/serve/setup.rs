//! What one document comes to: replaced as a whole when the document changes. A request keeps the one it began with.

use std::{fs, io, path::Path, sync::Arc};

use pointsman::{ConfigError, Router};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::{Settings, keys::Keys, upstream::Upstreams};
use crate::{
    document::{Document, DocumentError},
    envoy::Identity,
};

/// A document, ready to serve.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) router: Router,
    pub(super) settings: Settings,
    pub(super) keys: Keys,
    pub(super) upstreams: Upstreams,
    /// For clients that connect by TLS.
    pub(super) tls: Option<ServerTls>,
}

/// TLS towards clients.
#[derive(Clone)]
pub(super) struct ServerTls(pub(super) TlsAcceptor);

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls")
    }
}

impl Setup {
    /// Reads the document and everything that it names.
    ///
    /// # Errors
    /// What is wrong, with the file's name and the place in it.
    pub(super) fn read(path: &Path) -> Result<(Self, Document), DocumentError> {
        let document = Document::read(path)?;
        let config = &document.config;
        let settings = Settings::of(config).map_err(|error| document.wrong(error))?;
        let wrong = |key: &str, file: &Path, error: &dyn std::fmt::Display| {
            document.wrong(ConfigError {
                pointer: format!("/serve/{key}"),
                message: format!("{}: {error}", file.display()),
            })
        };
        let upstreams = Upstreams::new(&settings)
            .map_err(|error| wrong("ca", settings.ca.as_deref().unwrap_or_else(|| Path::new("")), &error))?;
        let tls = settings.tls.as_ref().map(|identity| {
            server_tls(identity).map_err(|error| wrong("tls", &identity.certificate, &error))
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "the keys are in the environment, and the core has none"
        )]
        let keys = Keys::read(config, |variable| std::env::var(variable).ok());
        let setup =
            Self { router: Router::new(config.clone()), keys, upstreams, tls: tls.transpose()?, settings };
        Ok((setup, document))
    }
}

/// HTTP/2 where the client offers it.
fn server_tls(identity: &Identity) -> io::Result<ServerTls> {
    let chain = CertificateDer::pem_slice_iter(&fs::read(&identity.certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    if chain.is_empty() {
        return Err(io::Error::other("holds no certificate"));
    }
    let key = fs::read(&identity.key)
        .map_err(|error| io::Error::other(format!("{}: {error}", identity.key.display())))?;
    let key = PrivateKeyDer::from_pem_slice(&key)
        .map_err(|error| io::Error::other(format!("{}: {error}", identity.key.display())))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(ServerTls(TlsAcceptor::from(Arc::new(config))))
}
