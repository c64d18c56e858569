//! Which addresses a client contacts. They come from the chain, where others wrote them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::{Result, VaultError};

/// Which addresses may be contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// `https` to public addresses.
    Public,
    /// Also this machine and private networks, and these without TLS.
    Development,
}

impl Reach {
    fn allows(self, address: IpAddr) -> bool {
        match address {
            _ if is_near(address) => self == Reach::Development,
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        }
    }
}

/// On this machine, or in a private network (RFC 1918, RFC 4193).
fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && b & 0xfe == 18);
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let s = address.segments();
    let embedded = |high: u16, low: u16| {
        is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
    };
    match s {
        [0x64, 0xff9b, ..] => embedded(s[6], s[7]),
        [0x2002, ..] => embedded(s[1], s[2]),
        [0x2001, 0xdb8 | 0, ..] => false,
        // Only 2000::/3 is given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// A vault's base address, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultUrl {
    url: Url,
    reach: Reach,
}

impl VaultUrl {
    /// Errors unless it is `https` to a public host, without user, query or fragment; in
    /// development what is near may be contacted, and without TLS.
    pub fn parse(text: &str, reach: Reach) -> Result<Self> {
        let bad = |reason| {
            Err(VaultError::BadUrl {
                url: text.into(),
                reason,
            })
        };
        let Ok(mut url) = Url::parse(text) else {
            return bad("it is not an address like https://vault.example.org");
        };
        let near = match url.host() {
            None => return bad("it names no host"),
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.');
                name == "localhost" || name.ends_with(".localhost")
            }
            Some(Host::Ipv4(address)) => is_near(address.into()),
            Some(Host::Ipv6(address)) => is_near(address.into()),
        };
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::from(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::from(address)),
            _ => None,
        };
        match (url.scheme(), near, reach) {
            (_, true, Reach::Public) => {
                return bad("it is on this machine or in a private network")
            }
            ("https", ..) | ("http", true, Reach::Development) => {}
            _ => return bad("it must begin with https://"),
        }
        if literal.is_some_and(|address| !reach.allows(address)) {
            return bad("it is no public address");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return bad("it contains a user name");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return bad("it contains a query");
        }
        let path = url.path().trim_end_matches('/').to_string();
        url.set_path(&path);
        Ok(Self { url, reach })
    }

    /// As challenges name it: without a slash at its end.
    pub fn origin(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }

    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }
}

/// Names that lead to addresses out of reach do not resolve, so that a name cannot be pointed at
/// the reader's own network after it was checked.
pub(super) struct Resolver(pub(super) Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0))
                .await?
                .filter(|address| reach.allows(address.ip()))
                .collect();
            if found.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(url: &str, reach: Reach) {
        let result = VaultUrl::parse(url, reach);
        assert!(
            matches!(result, Err(VaultError::BadUrl { .. })),
            "{url}: {result:?}"
        );
    }

    #[test]
    fn public_https_addresses_are_accepted_in_one_form() {
        for (url, origin) in [
            ("https://vault.example.org", "https://vault.example.org"),
            ("https://vault.example.org/", "https://vault.example.org"),
            ("HTTPS://Vault.Example.org:443", "https://vault.example.org"),
            (
                "https://example.org:8443/vault/",
                "https://example.org:8443/vault",
            ),
            ("https://93.184.216.34", "https://93.184.216.34"),
            (
                "https://[2606:2800:220:1::1]",
                "https://[2606:2800:220:1::1]",
            ),
        ] {
            for reach in [Reach::Public, Reach::Development] {
                assert_eq!(VaultUrl::parse(url, reach).unwrap().origin(), origin);
            }
        }
    }

    #[test]
    fn addresses_that_lead_elsewhere_are_refused() {
        for url in [
            "",
            "vault.example.org",
            "http://vault.example.org",
            "ftp://vault.example.org",
            "file:///etc/passwd",
            "https://user@vault.example.org",
            "https://user:word@vault.example.org",
            "https://vault.example.org/?to=elsewhere",
            "https://vault.example.org/#here",
            "https://169.254.169.254/latest",
            "https://100.64.0.1",
            "https://0.0.0.0",
            "https://[::]",
            "https://[fe80::1]",
            "https://[64:ff9b::a00:1]",
            "https://[2002:a00:1::]",
        ] {
            refused(url, Reach::Public);
            refused(url, Reach::Development);
        }
    }

    #[test]
    fn what_is_near_is_reached_in_development_only() {
        for url in [
            "http://10.0.0.1:8040",
            "https://172.16.1.1",
            "https://192.168.1.1",
            "https://0x0a000001",
            "https://[fd00::1]",
            "https://[::ffff:10.0.0.1]",
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "https://localhost",
            "http://[::1]:8080",
            "http://2130706433",
        ] {
            refused(url, Reach::Public);
            assert!(VaultUrl::parse(url, Reach::Development).is_ok(), "{url}");
        }
        refused("https://[::ffff:127.0.0.1]", Reach::Public);
        refused("https://localhost.", Reach::Public);
        refused("http://localhost.example.org", Reach::Development);
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_does_not_resolve_in_public() {
        let resolve = |reach| Resolver(reach).resolve("localhost".parse().unwrap());
        assert!(resolve(Reach::Public).await.is_err());
        assert!(resolve(Reach::Development).await.is_ok());
    }
}
