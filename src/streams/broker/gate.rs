//! A broker's port: who is let in, and what each request is answered with.
use super::call::Refusal;
use super::input::{Attachment, Session};
use super::line;
use super::switchboard::Switchboard;
use crate::host::Listener;
use crate::streams::plan::PORT;
use crate::streams::wire::asked::{self, Asked};
use crate::streams::wire::{answer, credentials};
use crate::wire::agent;
use crate::wire::http::{Request, Response, Unreadable};
use crate::wire::websocket::{self, Handshake, NoHandshake, Reply};
use hyper::header::USER_AGENT;
use std::sync::Arc;

/// The largest body of a request: a message as large as a socket takes it, in base64 within a page of replication.
const BODY_LIMIT: usize = 8 << 20;

/// Answers on the broker's port for as long as it can.
pub(super) async fn serve(board: Arc<Switchboard>, listener: Listener) {
    let host = board.host().clone();
    let answer = move |request| answer_to(board.clone(), request);
    if let Err(error) = websocket::serve(host.clone(), listener, BODY_LIMIT, answer).await {
        host.record(crate::history::Event::Note { text: format!("port {PORT} no longer answers: {error}") });
    }
}

async fn answer_to(board: Arc<Switchboard>, request: Result<Request, Unreadable>) -> Reply {
    match request {
        Err(why) => answer::unreadable(&why).into(),
        Ok(request) => match answer_known(board, request).await {
            Ok(reply) => reply,
            Err(refusal) => answer::refused(&refusal).into(),
        },
    }
}

async fn answer_known(board: Arc<Switchboard>, mut request: Request) -> Result<Reply, Refusal> {
    if !is_known(&board, &request) {
        return Err(Refusal { status: 401, number: 11, message: "forbidden".into() });
    }
    let tenant = credentials::tenant_of(board.api_key());
    let response = match asked::read(&request, tenant, board.wall_clock(), || board.fresh_name())? {
        Asked::Socket(attachment) => return open(board, &mut request, attachment).await,
        Asked::Rest(call) => answer::of_call(board.ask(call).await),
        Asked::Replicate(page) => answer::of_replication(board.take_in(page).await),
        Asked::OneTimePassword => answer::one_time_password(&board.issue_password()),
        Asked::User => answer::user(),
        Asked::Datacenter => answer::datacenter(board.region(), board.host().name()),
    };
    Ok(Response::into(response))
}

fn is_known(board: &Switchboard, request: &Request) -> bool {
    credentials::shows_key(request, board.api_key())
        || asked::is_for_socket(request)
            && credentials::one_time_password(request).is_some_and(|password| board.redeem_password(password))
}

async fn open(board: Arc<Switchboard>, request: &mut Request, attachment: Attachment) -> Result<Reply, Refusal> {
    let handshake = Handshake::of(request).map_err(|NoHandshake(status, why)| Refusal {
        status,
        number: status.into(),
        message: why.to_owned(),
    })?;
    let number = request.header(USER_AGENT).and_then(agent::session_of);
    let session = number.map(|number| Session { client: request.peer.clone(), number });
    let kind = line::Kind::of(&attachment);
    let line = board.attach(attachment, session).await?;
    let (reply, handover) = handshake.accept();
    board.host().spawn(line::serve(board.clone(), line, kind, handover));
    Ok(reply)
}
