//! An S3 bucket of one's own, on a server that knows nothing of Salus.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use crate::{free_port, in_checkout, wait_until, Process};

const NAME: &str = "salus";

pub struct Bucket {
    _server: Process,
    url: String,
    /// A vault in a bucket has its key in a file beside it.
    identity: String,
}

impl Bucket {
    /// Needs what `scripts/interop` installs.
    pub fn open(folder: &Path) -> Self {
        let program = in_checkout("tests/interop/.venv/bin/moto_server");
        let port = free_port().to_string();
        let server = Process::start(
            program.to_str().expect("a plain name"),
            &["--host", "127.0.0.1", "--port", &port],
            folder.join("s3.log"),
        );
        let address = format!("127.0.0.1:{port}");
        wait_until("the S3 server listens", 60, || {
            TcpStream::connect(&address).is_ok()
        });
        let mut stream = TcpStream::connect(&address).expect("it listens");
        let request = format!(
            "PUT /{NAME} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let mut answer = String::new();
        stream
            .write_all(request.as_bytes())
            .and_then(|()| stream.read_to_string(&mut answer))
            .expect("it answers");
        assert!(answer.contains(" 200 "), "{answer}");
        Self {
            _server: server,
            url: format!("http://{address}"),
            identity: folder.join("vault.identity").display().to_string(),
        }
    }

    /// What makes a vault keep its objects here.
    pub fn options(&self) -> [&str; 9] {
        [
            "--s3-bucket",
            NAME,
            "--s3-endpoint",
            &self.url,
            "--s3-region",
            "us-east-1",
            "--s3-allow-http",
            "--identity-file",
            &self.identity,
        ]
    }
}
