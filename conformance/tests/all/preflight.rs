//! Servers that say yes to everything, and servers of another revision: the program says so before
//! it judges anything else.

use bytes::{BufMut, Bytes, BytesMut};
use edgewise_proto::v1::{DescribeResponse, Description};
use edgewise_spec::constants::{DESCRIBE_LEN, SPEC_REVISION};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::told::told;

/// Answers every method with this message and status OK.
async fn agree(listener: TcpListener, message: Bytes) {
    while let Ok((socket, _)) = listener.accept().await {
        let message = message.clone();
        tokio::spawn(async move {
            let mut connection = h2::server::handshake(socket).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                let head = Response::builder().header("content-type", "application/grpc");
                let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
                stream.send_data(message.clone(), false).unwrap();
                let status = HeaderValue::from_static("0");
                let trailers = [(http::HeaderName::from_static("grpc-status"), status)];
                stream.send_trailers(HeaderMap::from_iter(trailers)).unwrap();
            }
        });
    }
}

/// A gRPC message that holds the Description of a revision.
fn described(revision: u32) -> Bytes {
    let body = Description { revision, ..Description::default() }.encode_to_vec();
    let mut block = BytesMut::new();
    block.put_u16(body.len().try_into().unwrap());
    block.put_slice(&body);
    block.resize(DESCRIBE_LEN, 0);
    let response = DescribeResponse { block: block.freeze() }.encode_to_vec();
    let mut message = BytesMut::new();
    message.put_u8(0);
    message.put_u32(response.len().try_into().unwrap());
    message.put_slice(&response);
    message.freeze()
}

/// What the program says of a server that answers so: its exit code and its cases.
fn judged(message: Bytes) -> (Option<i32>, Vec<Value>) {
    let runtime = Runtime::new().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let place = listener.local_addr().unwrap();
    runtime.spawn(agree(listener, message));
    let folder = tempfile::tempdir().unwrap();
    let address = format!("edgewise://{}@{place}?tls=off", "A".repeat(43));
    let args = ["--attach", &address, "--case", "link/describe-request-length"];
    let told = told(folder.path(), Some("server"), &args);
    runtime.shutdown_background();
    (told.exit, told.cases().to_vec())
}

#[test]
fn a_server_that_says_yes_to_everything_is_told_so() {
    let (exit, cases) = judged(described(SPEC_REVISION));
    assert_eq!(exit, Some(1), "{cases:#?}");
    let (last, faults) = cases.split_last().unwrap();
    assert_eq!(last["outcome"], "fail", "the case is run all the same");
    assert_eq!(faults.len(), 4, "{faults:#?}");
    for fault in faults {
        assert_eq!(
            (&fault["id"], &fault["outcome"]),
            (&"preflight/unsupported".into(), &"fail".into())
        );
        assert!(fault["expected"].as_str().unwrap().starts_with("UNIMPLEMENTED for "), "{fault}");
    }
    assert!(faults[0]["actual"].as_str().unwrap().contains("status OK"), "{}", faults[0]);
}

#[test]
fn a_server_of_another_revision_is_judged_by_no_case() {
    let (exit, cases) = judged(described(SPEC_REVISION + 1));
    assert_eq!(exit, Some(1), "{cases:#?}");
    assert_eq!(cases[0]["id"], "preflight/revision");
    assert!(
        cases[0]["actual"]
            .as_str()
            .unwrap()
            .starts_with(&format!("revision {}", SPEC_REVISION + 1)),
        "{}",
        cases[0]
    );
    let last = cases.last().unwrap();
    assert_eq!(
        (&last["outcome"], &last["note"]),
        (&"notrun".into(), &"the server is of another revision".into())
    );
}
