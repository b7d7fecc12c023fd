//! The bare transport: tonic as it comes, a bidirectional stream, every frame answered with itself.

use crate::pass::{Ask, Count};
use crate::{Failure, process};
use bytes::Bytes;
use edgewise_proto::v1::link_service_client::LinkServiceClient;
use edgewise_proto::v1::link_service_server::{LinkService, LinkServiceServer};
use edgewise_proto::v1::{DescribeRequest, DescribeResponse, Frame};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

/// Name in the certificate, and what the client asks for.
const HOST: &str = "localhost";

/// How the echo server serves.
#[derive(Serialize, Deserialize)]
pub struct ServerRole {
    /// TLS outside, with a certificate made now.
    pub tls: bool,
}

/// The echo server's first line.
#[derive(Serialize, Deserialize)]
pub struct Ready {
    /// Port on the loopback address.
    pub port: u16,
    /// The server's certificate in PEM, with TLS.
    pub certificate: Option<String>,
    /// Whether it stays on its core.
    pub pinned: bool,
}

/// What the echo client sends, and where.
#[derive(Serialize, Deserialize)]
pub struct ClientRole {
    /// Port on the loopback address.
    pub port: u16,
    /// The certificate to accept; none for cleartext.
    pub certificate: Option<String>,
    /// Bytes of each block.
    pub block_len: usize,
    /// Frames on their way at a time.
    pub window: usize,
    /// Process id of the server, whose CPU time is read.
    pub server: u32,
}

struct Echo;

#[tonic::async_trait]
impl LinkService for Echo {
    type OpenStream = Streaming<Frame>;

    async fn open(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Self::OpenStream>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    async fn describe(
        &self,
        _request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

/// Serves until the process ends.
pub async fn serve(role: &ServerRole, pinned: bool) -> Result<(), Failure> {
    let mut ends = process::commands();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let mut server = Server::builder().tcp_nodelay(true);
    let mut certificate = None;
    if role.tls {
        let pair = rcgen::generate_simple_self_signed([HOST.to_owned()])?;
        let pem = pair.cert.pem();
        let identity = Identity::from_pem(&pem, pair.signing_key.serialize_pem());
        server = server.tls_config(ServerTlsConfig::new().identity(identity))?;
        certificate = Some(pem);
    }
    process::answer(Ok(Ready { port, certificate, pinned }))?;
    let served = server
        .add_service(LinkServiceServer::new(Echo))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::select! {
        served = served => Ok(served?),
        _ = ends.recv() => Ok(()),
    }
}

/// Opens one stream and runs a pass for every [`Ask`] of the parent.
pub async fn drive(role: &ClientRole, pinned: bool) -> Result<(), Failure> {
    let mut asks = process::commands();
    let mut client = LinkServiceClient::new(connect(role).await?);
    let (sender, receiver) = mpsc::channel(role.window);
    let mut answers = client.open(ReceiverStream::new(receiver)).await?.into_inner();
    process::answer(Ok(pinned))?;
    let block = Bytes::from(vec![0x5a; role.block_len]);
    while let Some(line) = asks.recv().await {
        let ask: Ask = serde_json::from_str(&line)?;
        let mut count = Count::begin(ask, role.server);
        let mut sent = VecDeque::with_capacity(role.window);
        let mut open = true;
        for _ in 0..role.window {
            sender.send(Frame { block: block.clone() }).await?;
            sent.push_back(Instant::now());
        }
        while let Some(at) = sent.pop_front() {
            let frame = answers.message().await?.ok_or("the echo server ended the stream")?;
            if frame.block.len() != role.block_len {
                return Err(format!("an echo of {} bytes", frame.block.len()).into());
            }
            let now = Instant::now();
            open = count.message(at, now) && open;
            if open {
                sender.send(Frame { block: block.clone() }).await?;
                sent.push_back(now);
            }
        }
        process::answer(count.finish())?;
    }
    Ok(())
}

async fn connect(role: &ClientRole) -> Result<Channel, Failure> {
    let scheme = if role.certificate.is_some() { "https" } else { "http" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://127.0.0.1:{}", role.port))?;
    endpoint = endpoint.tcp_nodelay(true);
    if let Some(pem) = &role.certificate {
        let certificate = Certificate::from_pem(pem);
        let tls = ClientTlsConfig::new().ca_certificate(certificate).domain_name(HOST);
        endpoint = endpoint.tls_config(tls)?;
    }
    Ok(endpoint.connect().await?)
}
