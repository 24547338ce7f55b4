//! What is published here, on its way to another region's broker.
use super::input::Input;
use super::message::Page;
use super::switchboard::Switchboard;
use crate::history::Name;
use crate::streams::plan::PORT;
use crate::streams::wire::answer::read_replication;
use crate::streams::wire::asked::REPLICATION;
use crate::streams::wire::credentials::authorization;
use crate::wire::http::Client;
use hyper::header::{AUTHORIZATION, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;

/// Longest wait for another region's answer, connecting included.
const TIME_OUT: Duration = Duration::from_secs(10);

/// Brings pages to one other broker, one after the other, and tells what came of each.
pub(super) async fn bring(board: Arc<Switchboard>, to: Name, mut pages: UnboundedReceiver<Page>) {
    let mut client = Client::new(board.host().clone(), to.clone(), PORT, TIME_OUT);
    // A key that no header can hold opens nothing.
    if let Ok(key) = HeaderValue::from_str(&authorization(board.api_key())) {
        client = client.with_headers(vec![(AUTHORIZATION, key)]);
    }
    while let Some(page) = pages.recv().await {
        let upto = match serde_json::to_vec(&page) {
            Ok(body) => client.request("POST", REPLICATION, body).await.ok().as_ref().and_then(read_replication),
            Err(_) => None,
        };
        let (to, topic) = (to.clone(), page.topic);
        board.handle(match upto {
            Some(upto) => Input::Replicated { to, topic, upto },
            None => Input::ReplicationLost { to },
        });
    }
}
