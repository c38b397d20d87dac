//! Where connections may lead: names come from strangers, and so do the addresses behind them.

use std::{
    collections::BTreeSet,
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// All of them: a person's own machine, whose networks are theirs to ask.
    Anywhere,
    /// Those of the public internet, and those of the hosts that are listed under `registries:`.
    Public,
}

/// What kind of address it is, where strangers may not lead us there.
///
/// # Source
/// IANA's special-purpose address registries (RFC 6890), and the addresses at which clouds tell machines their secrets.
pub(super) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => forbidden_v4(address),
        IpAddr::V6(address) => forbidden_v6(address),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    Some(match address.octets() {
        [169, 254, 169, 254] | [100, 100, 100, 200] | [168, 63, 129, 16] | [192, 0, 0, 192] => "a cloud's metadata service",
        [0, ..] => "an unspecified address",
        [127, ..] => "a loopback address",
        [169, 254, ..] => "a link-local address",
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] => "a private address",
        [100, 64..=127, ..] => "an address of a provider's own network",
        [224..=239, ..] => "a multicast address",
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] | [240..=255, ..] => "a reserved address",
        _ => return None,
    })
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an unspecified address"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        // Mapped, compatible, translated, NAT64, and 6to4: these lead where the address of version 4 leads that they carry.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => forbidden_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => Some("a cloud's metadata service"),
        [0x64, 0xff9b, 1, ..] => Some("an address of a network's own translator"),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some("a private address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        // Teredo, ORCHID, benchmarks and documentation.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("a reserved address"),
        [0x2000..=0x3fff, ..] => None,
        // Nothing else is given out.
        _ => Some("a reserved address"),
    }
}

/// A name leads where it may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forbidden {
    pub(super) address: IpAddr,
    pub(super) kind: &'static str,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.address, self.kind)
    }
}

impl Error for Forbidden {}

/// Whether an address that stands in a URL itself may be connected to; names are looked up later.
///
/// # Errors
/// It may not.
pub(super) fn check_literal(url: &Url) -> Result<(), Forbidden> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    match forbidden(address) {
        Some(kind) => Err(Forbidden { address, kind }),
        None => Ok(()),
    }
}

type Found = Result<Vec<IpAddr>, Box<dyn Error + Send + Sync>>;
type Lookup = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = Found> + Send>> + Send + Sync>;

/// Looks names up, and gives only addresses that may be connected to: what was checked is what is dialled.
#[derive(Clone)]
pub(super) struct Guard {
    lookup: Lookup,
    check: fn(IpAddr) -> Option<&'static str>,
    /// The proxies of the environment: they choose by themselves where they connect to.
    proxies: BTreeSet<String>,
}

impl Guard {
    /// A guard that asks the system.
    pub(super) fn of_system() -> Self {
        let lookup = |name: String| -> Pin<Box<dyn Future<Output = Found> + Send>> {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) })
        };
        let variables = ["http_proxy", "https_proxy", "all_proxy"];
        let values = variables.iter().flat_map(|name| [std::env::var(name), std::env::var(name.to_ascii_uppercase())]).flatten();
        Self { lookup: Arc::new(lookup), check: forbidden, proxies: values.filter_map(|value| proxy_host(&value)).collect() }
    }

    async fn addresses(self, name: String) -> Result<Addrs, Box<dyn Error + Send + Sync>> {
        let found = (self.lookup)(name.clone()).await?;
        let refused = found.iter().find_map(|&address| Some(Forbidden { address, kind: (self.check)(address)? }));
        match refused.filter(|_| !self.proxies.contains(&name)) {
            Some(refused) => Err(Box::new(refused)),
            None => Ok(Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)))),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(self.clone().addresses(name.as_str().trim_end_matches('.').to_ascii_lowercase()))
    }
}

/// The host of a proxy, which may be written without a scheme.
fn proxy_host(value: &str) -> Option<String> {
    let url = if value.contains("://") { Url::parse(value) } else { Url::parse(&format!("http://{value}")) };
    Some(url.ok()?.host_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    #[test]
    fn strangers_lead_to_public_addresses_alone() {
        for (word, address, kind) in [
            ("public", "140.82.121.34", None),
            ("public, version 6", "2606:50c0:8000::154", None),
            ("unspecified", "0.0.0.0", Some("unspecified")),
            ("this network", "0.1.2.3", Some("unspecified")),
            ("loopback", "127.0.0.1", Some("loopback")),
            ("the rest of loopback", "127.255.255.254", Some("loopback")),
            ("private ten", "10.0.0.1", Some("private")),
            ("before private 172", "172.15.255.255", None),
            ("private 172", "172.16.0.1", Some("private")),
            ("the last private 172", "172.31.255.255", Some("private")),
            ("after private 172", "172.32.0.1", None),
            ("private 192", "192.168.1.1", Some("private")),
            ("provider", "100.64.0.1", Some("provider")),
            ("after the provider", "100.128.0.1", None),
            ("link-local", "169.254.1.1", Some("link-local")),
            ("metadata", "169.254.169.254", Some("metadata")),
            ("Alibaba's metadata", "100.100.100.200", Some("metadata")),
            ("Azure's metadata", "168.63.129.16", Some("metadata")),
            ("Oracle's metadata", "192.0.0.192", Some("metadata")),
            ("multicast", "224.0.0.1", Some("multicast")),
            ("broadcast", "255.255.255.255", Some("reserved")),
            ("benchmarks", "198.18.0.1", Some("reserved")),
            ("documentation", "203.0.113.9", Some("reserved")),
            ("unspecified, version 6", "::", Some("unspecified")),
            ("loopback, version 6", "::1", Some("loopback")),
            ("link-local, version 6", "fe80::1", Some("link-local")),
            ("unique local", "fd12:3456::1", Some("private")),
            ("site-local", "fec0::1", Some("private")),
            ("metadata, version 6", "fd00:ec2::254", Some("metadata")),
            ("multicast, version 6", "ff02::1", Some("multicast")),
            ("mapped loopback", "::ffff:127.0.0.1", Some("loopback")),
            ("mapped metadata", "::ffff:169.254.169.254", Some("metadata")),
            ("mapped public", "::ffff:140.82.121.34", None),
            ("compatible loopback", "::127.0.0.1", Some("loopback")),
            ("translated", "::ffff:0:10.0.0.1", Some("private")),
            ("NAT64 to a private address", "64:ff9b::10.0.0.1", Some("private")),
            ("NAT64 to a public address", "64:ff9b::140.82.121.34", None),
            ("NAT64 of a network's own", "64:ff9b:1::1", Some("translator")),
            ("6to4 to loopback", "2002:7f00:1::", Some("loopback")),
            ("Teredo", "2001:0:1::1", Some("reserved")),
            ("documentation, version 6", "2001:db8::1", Some("reserved")),
            ("discard", "100::1", Some("reserved")),
            ("not given out", "4000::1", Some("reserved")),
        ] {
            let found = forbidden(address.parse().expect(word));
            assert_eq!(found.is_some(), kind.is_some(), "{word}: {found:?}");
            assert!(found.is_none_or(|found| found.contains(kind.unwrap_or_default())), "{word}: {found:?}");
        }
    }

    #[test]
    fn an_address_in_a_url_is_checked_however_it_is_written() {
        for (word, url, allowed) in [
            ("plain", "http://127.0.0.1:5000/", false),
            ("short", "http://127.1/", false),
            ("one number", "http://2130706433/", false),
            ("hexadecimal", "https://0x7f.0.0.1/", false),
            ("octal", "https://0177.0.0.1/", false),
            ("version 6", "https://[::1]:5000/", false),
            ("mapped", "https://[::ffff:10.0.0.1]/", false),
            ("public", "https://140.82.121.34/", true),
            ("a name", "https://localhost/", true),
        ] {
            assert_eq!(check_literal(&Url::parse(url).expect(word)).is_ok(), allowed, "{word}");
        }
    }

    #[test]
    fn a_proxy_is_known_by_its_host() {
        for (value, host) in [
            ("http://user:secret@Proxy.corp:3128", Some("proxy.corp")),
            ("proxy.corp:3128", Some("proxy.corp")),
            ("socks5://10.0.0.1:1080", Some("10.0.0.1")),
            ("", None),
        ] {
            assert_eq!(proxy_host(value).as_deref(), host, "{value}");
        }
    }

    fn guard(answers: [&'static [&'static str]; 2], check: fn(IpAddr) -> Option<&'static str>) -> Guard {
        let asked = AtomicU8::new(0);
        let lookup = move |_: String| -> Pin<Box<dyn Future<Output = Found> + Send>> {
            let answer = answers[usize::from(asked.fetch_add(1, Ordering::SeqCst)).min(1)];
            Box::pin(async move { Ok(answer.iter().map(|address| address.parse().expect("an address")).collect()) })
        };
        Guard { lookup: Arc::new(lookup), check, proxies: BTreeSet::from(["proxy.corp".to_owned()]) }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_and_all_its_addresses_are_checked() {
        for (word, name, addresses, allowed) in [
            ("public", "ghcr.io", &["140.82.121.34", "2606:50c0:8000::154"][..], true),
            ("private", "evil.example", &["10.0.0.1"], false),
            ("one of them private", "evil.example", &["140.82.121.34", "10.0.0.1"], false),
            ("a proxy", "proxy.corp", &["10.0.0.1"], true),
        ] {
            let found = guard([addresses, addresses], forbidden).addresses(name.to_owned()).await;
            assert_eq!(found.is_ok(), allowed, "{word}");
        }
    }

    #[tokio::test]
    async fn the_address_that_was_checked_is_the_one_that_is_dialled() {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _request = stream.read(&mut [0; 1024]).await;
            let _sent = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        });
        // In this test the one is as good as public, and the other, which comes with the second answer, is not.
        let check = |address: IpAddr| (address != IpAddr::V4(Ipv4Addr::LOCALHOST)).then_some("a private address");
        let guard = guard([&["127.0.0.1"], &["127.0.0.2"]], check);
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).dns_resolver(Arc::new(guard)).build().expect("a client");
        let url = format!("http://changing.example:{port}/");
        assert_eq!(client.get(&url).send().await.expect("an answer").status(), 200);
        serving.await.expect("no panic");
        let error = client.get(&url).send().await.expect_err("the second answer leads elsewhere");
        let refused = crate::net::cause::<Forbidden>(&error).expect("a refusal");
        assert_eq!(refused.address, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)));
    }
}
