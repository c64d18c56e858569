//! Where a node is told to listen, tried before it starts. Left to itself, one whose ports are taken
//! goes on: with its RPC at a random port, and with no figures, or unreachable for other nodes.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpListener},
};

use sc_network::{multiaddr::Protocol, Multiaddr};
use sc_service::Configuration;

/// Errors unless the node can listen wherever this configuration says, and keeps it from listening
/// anywhere else.
pub fn claim(mut config: Configuration) -> Result<Configuration, String> {
    for endpoint in config.rpc.addr.iter_mut().flatten() {
        endpoint.retry_random_port = false;
        try_at(endpoint.listen_addr, endpoint.is_optional, "--rpc-port")?;
    }
    let listen = &config.network.listen_addresses;
    for address in listen.iter().filter_map(tcp_of) {
        // Machines without IPv6 have only the other one of the two defaults.
        let is_optional = address.is_ipv6() && address.ip().is_unspecified();
        try_at(address, is_optional, "--port")?;
    }
    if let Some(figures) = &config.prometheus_config {
        try_at(figures.port, false, "--prometheus-port")?;
    }
    Ok(config)
}

fn tcp_of(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip = match parts.next()? {
        Protocol::Ip4(ip) => IpAddr::from(ip),
        Protocol::Ip6(ip) => IpAddr::from(ip),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

fn try_at(address: SocketAddr, is_optional: bool, option: &str) -> Result<(), String> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            let port = address.port();
            Err(format!(
                "another program listens at {address}: `ss -ltnp 'sport = :{port}'` names it. Stop it, or choose another port with {option}"
            ))
        }
        Err(_) if is_optional => Ok(()),
        Err(error) => Err(format!(
            "the node cannot listen at {address}: {error}. Choose another address, or another port with {option}"
        )),
    }
}
