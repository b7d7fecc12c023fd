//! A client of this process served over standard input and output, as driver.proto has it.

use std::io;

use edgewise_proto::conformance::v1::{ClientStart, Command, command};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::embedded::Starter;

/// Longest message that is read.
const MESSAGE_MAX: usize = 64 * 1_024 * 1_024;

async fn read<M: Message + Default>(input: &mut (impl AsyncReadExt + Unpin)) -> io::Result<M> {
    let length = input.read_u32().await? as usize;
    if length > MESSAGE_MAX {
        return Err(io::Error::other("a message that is too long"));
    }
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes).await?;
    M::decode(&bytes[..]).map_err(io::Error::other)
}

async fn write(
    output: &mut (impl AsyncWriteExt + Unpin),
    message: &impl Message,
) -> io::Result<()> {
    let bytes = message.encode_to_vec();
    output.write_u32(u32::try_from(bytes.len()).map_err(io::Error::other)?).await?;
    output.write_all(&bytes).await?;
    output.flush().await
}

/// Serves a client until Close, or until standard input ends.
///
/// # Errors
/// When standard input holds something else, or the client cannot be started.
pub async fn serve_stdio(starter: Starter) -> io::Result<()> {
    let (mut input, mut output) = (tokio::io::stdin(), tokio::io::stdout());
    let start: ClientStart = read(&mut input).await?;
    let (mut client, ready) = starter(start).await.map_err(io::Error::other)?;
    write(&mut output, &ready).await?;
    loop {
        let order: Command = match read(&mut input).await {
            Ok(order) => order,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let last = matches!(order.kind, Some(command::Kind::Close(_)));
        write(&mut output, &client.drive(order).await).await?;
        if last {
            return Ok(());
        }
    }
}
