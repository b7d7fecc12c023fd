//! A client without manners: it puts into its blocks whatever items it is told.

use bytes::BytesMut;
use edgewise_proto::v1;
use edgewise_spec::error::LinkEnd;
use edgewise_spec::frame::{Class, Received, Writer, read_server_items};
use edgewise_spec::link::{Blocks, ClientHandshake};
use edgewise_spec::store::LinkId;
use edgewise_spec::suite::SuiteId;

use super::server::{START, Server};

pub struct Raw {
    blocks: Box<Blocks>,
    id: LinkId,
}

impl Raw {
    /// Opens a link; the first block that is given confirms it.
    pub fn open(server: &mut Server, class: Class) -> Self {
        let suite = SuiteId::Chacha20Poly1305;
        let (mut client, hello) =
            ClientHandshake::start(&server.epoch, suite, class, &mut server.rng);
        let id = server.open(START);
        for block in hello {
            server.handle_block(START, id, BytesMut::from(&block[..]));
        }
        loop {
            let (block, end) = server.poll_block(START, id);
            let block = block.unwrap_or_else(|| panic!("no reply: {end:?}"));
            if let Some(blocks) = client.handle_block(&block).unwrap() {
                return Self { blocks, id };
            }
        }
    }

    /// What the requests of this link are signed over.
    pub fn transcript(&self) -> [u8; 32] {
        self.blocks.transcript
    }

    /// One block with these items goes to the server.
    pub fn give(&mut self, server: &mut Server, items: &[v1::Item]) {
        let class = self.blocks.class;
        let mut block = BytesMut::zeroed(class.block_len());
        let mut writer = Writer::new(&mut block[..class.text_len()]);
        for item in items {
            writer.push(item).unwrap();
        }
        writer.finish();
        self.blocks.sealer.seal(&mut block).unwrap();
        server.handle_block(START, self.id, block);
    }

    /// Everything that the server has to say, and the end if it has ended the link.
    pub fn take(&mut self, server: &mut Server) -> (Vec<v1::Item>, Option<LinkEnd>) {
        let mut received = Vec::new();
        let ended = loop {
            let (block, end) = server.poll_block(START, self.id);
            let last = block.is_none() || end.is_some();
            if let Some(mut block) = block {
                self.blocks.opener.open(&mut block).unwrap();
                block.truncate(self.blocks.class.text_len());
                read_server_items(block.freeze(), &mut received).unwrap();
            }
            if last {
                break end;
            }
        };
        let items = received.into_iter().map(|received| match received {
            Received::Item(item) => item,
            Received::Unknown { .. } => panic!("{received:?}"),
        });
        (items.collect(), ended)
    }
}
