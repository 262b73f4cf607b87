//! Where the daemon is, and the token for it: from the command line, the environment, or the daemon's own settings file.
//!
//! Of the settings file only `[http]` and the certificate are read: a client must not fail for a mistake elsewhere in it.

use std::path::{Path, PathBuf};

use clap::Args;
use toml_edit::DocumentMut;

/// Where settings are looked for when nobody says where.
const FILES: [&str; 2] = ["config/baton.toml", "/etc/baton/baton.toml"];

/// Which daemon is meant.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct Reach {
    /// The daemon's settings file, for its address and token. Without it: config/baton.toml or /etc/baton/baton.toml.
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(in crate::cli) config: Option<PathBuf>,
    /// The daemon's address: http://127.0.0.1:8080. Also from BATON_URL.
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub(in crate::cli) url: Option<String>,
    /// The daemon's own certificate, where no authority that this machine trusts vouches for it. Without it: the one its settings
    /// name.
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(in crate::cli) certificate: Option<PathBuf>,
    /// A file with the token. The token itself may stand in BATON_TOKEN.
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub(in crate::cli) token_file: Option<PathBuf>,
    /// Write JSON instead of text.
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Why it is not known.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum PlaceError {
    /// The settings cannot be read.
    #[error("{file}: {why}")]
    Settings {
        /// Which.
        file: String,
        /// Why.
        why: String,
    },
    /// The token cannot be read.
    #[error("no token: {file}: {why}; name another file by --token-file, or set BATON_TOKEN")]
    Token {
        /// Where it was looked for.
        file: String,
        /// Why.
        why: String,
    },
    /// The daemon's certificate cannot be read.
    #[error("certificate {0}; name another file by --certificate")]
    Certificate(String),
    /// An address that is none.
    #[error("{0}: not an address of a daemon; it looks like http://127.0.0.1:8080")]
    Address(String),
}

/// Where the daemon is.
pub(in crate::cli) struct Place {
    /// `http://127.0.0.1:8080`, without a slash at its end.
    pub(super) url: String,
    /// The token.
    pub(super) token: String,
    /// The file of its certificate, if it is known and TLS is spoken.
    pub(super) certificate: Option<PathBuf>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place {{ url: {:?} }}", self.url)
    }
}

/// What `[http]` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Http {
    listen: Option<String>,
    admin_token_file: Option<PathBuf>,
    /// `sip.certificate`, which is that of the API too.
    certificate: Option<PathBuf>,
}

impl Place {
    /// Finds it.
    ///
    /// # Errors
    /// A file cannot be read, or an address is none.
    pub(super) fn find(reach: &Reach) -> Result<Self, PlaceError> {
        let said = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let token = match &reach.token_file {
            Some(_) => None,
            None => said("BATON_TOKEN"),
        };
        let url = reach.url.clone().or_else(|| said("BATON_URL"));
        let knows_both = url.is_some() && (token.is_some() || reach.token_file.is_some());
        let certificate = reach.certificate.clone().or_else(|| said("BATON_SIP__CERTIFICATE").map(PathBuf::from));
        let http = if knows_both && reach.config.is_none() { Http::default() } else { settings(reach)? };
        let url = url.or_else(|| said("BATON_HTTP__LISTEN")).or(http.listen);
        let url = address(url.as_deref().unwrap_or("127.0.0.1:8080"))?;
        let token = match token {
            Some(token) => token,
            None => {
                let named =
                    reach.token_file.clone().or_else(|| said("BATON_HTTP__ADMIN_TOKEN_FILE").map(PathBuf::from));
                read_token(&named.or(http.admin_token_file).unwrap_or_else(|| PathBuf::from("./data/admin.token")))?
            }
        };
        let certificate = certificate.or(http.certificate).filter(|_| url.starts_with("https:"));
        Ok(Self { url, token: token.trim().to_owned(), certificate })
    }
}

fn settings(reach: &Reach) -> Result<Http, PlaceError> {
    let file = match &reach.config {
        Some(file) => file.clone(),
        None => match FILES.iter().map(Path::new).find(|file| file.is_file()) {
            Some(file) => file.to_owned(),
            None => return Ok(Http::default()),
        },
    };
    let failed = |why: String| PlaceError::Settings { file: file.display().to_string(), why };
    let text = std::fs::read_to_string(&file).map_err(|error| failed(error.to_string()))?;
    http_of(&text).map_err(failed)
}

fn http_of(text: &str) -> Result<Http, String> {
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    let key = |section: &str, name: &str| {
        let value = document.get(section)?.get(name)?.as_str()?;
        Some(value.to_owned()).filter(|value| !value.is_empty())
    };
    let file = |section: &str, name: &str| key(section, name).map(PathBuf::from);
    Ok(Http {
        listen: key("http", "listen"),
        admin_token_file: file("http", "admin_token_file"),
        certificate: file("sip", "certificate"),
    })
}

/// The address to ask, of what `http.listen` or `--url` says.
fn address(said: &str) -> Result<String, PlaceError> {
    let odd = || PlaceError::Address(said.to_owned());
    let said = said.trim();
    let said = if said.ends_with("//") { said } else { said.trim_end_matches('/') };
    let url = match said.split_once(':') {
        Some(("http" | "https", rest)) if rest.starts_with("//") => said.to_owned(),
        Some(("https", rest)) => format!("https://{rest}"),
        Some(_) | None => format!("http://{said}"),
    };
    // whoever listens everywhere is reached here
    let url = url.replacen("//0.0.0.0:", "//127.0.0.1:", 1).replacen("//[::]:", "//[::1]:", 1);
    let parsed = reqwest::Url::parse(&url).map_err(|_| odd())?;
    if parsed.host_str().is_none_or(str::is_empty) || parsed.path() != "/" || parsed.port() == Some(0) {
        Err(odd())
    } else {
        Ok(url)
    }
}

fn read_token(file: &Path) -> Result<String, PlaceError> {
    let failed = |why: String| PlaceError::Token { file: file.display().to_string(), why };
    let token = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    match token.trim() {
        "" => Err(failed("is empty".to_owned())),
        token if token.chars().any(|c| !c.is_ascii_graphic()) => Err(failed("is no token".to_owned())),
        token => Ok(token.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_address_is_where_the_daemon_listens() {
        let cases = [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https:10.0.0.1:8443", "https://10.0.0.1:8443"),
            ("http://host:1/", "http://host:1"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
        ];
        for (said, url) in cases {
            assert_eq!(address(said).unwrap(), url);
        }
        for said in ["", "127.0.0.1:0", "http://", "a b:1"] {
            assert!(address(said).is_err(), "{said}");
        }
    }

    #[test]
    fn of_the_settings_only_what_leads_to_the_daemon_is_read() {
        let http = http_of("[http]\nlisten = \"127.0.0.1:1\"\nadmin_token_file = \"/t\"\n[sip]\nlisten = 5\n").unwrap();
        let (listen, admin_token_file) = (Some("127.0.0.1:1".to_owned()), Some(PathBuf::from("/t")));
        assert_eq!(http, Http { listen, admin_token_file, certificate: None });
        assert_eq!(http_of("[sip]\ncertificate = \"/c\"\n").unwrap().certificate, Some(PathBuf::from("/c")));
        assert_eq!(http_of("[sip]\n").unwrap(), Http::default());
        assert!(http_of("[sip").is_err());
    }
}
