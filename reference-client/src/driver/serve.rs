//! A driver over standard input and output, or any other pair of streams.

use edgewise_proto::conformance::v1::command::Kind;
use edgewise_proto::conformance::v1::{ClientStart, Command};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::Driver;

/// Longest command, in bytes.
const COMMAND_MAX: u32 = 16 * 1_024 * 1_024;

/// Serves a client until Close, or until the input ends: as a program that the suite has started.
/// Nothing but answers is ever written.
///
/// # Errors
/// When the input is no such conversation, or the client cannot be started.
pub async fn serve(
    mut input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    let start: ClientStart = read(&mut input).await?;
    let (mut driver, ready) = Driver::start(&start).await.map_err(std::io::Error::other)?;
    write(&mut output, &ready).await?;
    loop {
        let order: Command = match read(&mut input).await {
            Ok(order) => order,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let last = matches!(order.kind, Some(Kind::Close(_)));
        write(&mut output, &driver.drive(order).await).await?;
        if last {
            return Ok(());
        }
    }
}

async fn read<M: prost::Message + Default>(
    input: &mut (impl AsyncRead + Unpin),
) -> std::io::Result<M> {
    let length = input.read_u32().await?;
    if length > COMMAND_MAX {
        return Err(std::io::Error::other(format!("a command of {length} bytes")));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    input.read_exact(&mut bytes).await?;
    M::decode(&bytes[..]).map_err(std::io::Error::other)
}

async fn write(
    output: &mut (impl AsyncWrite + Unpin),
    message: &impl prost::Message,
) -> std::io::Result<()> {
    let bytes = message.encode_to_vec();
    output.write_u32(u32::try_from(bytes.len()).map_err(std::io::Error::other)?).await?;
    output.write_all(&bytes).await?;
    output.flush().await
}
