import type { Socket } from 'node:net';

/**
 * Pass on what either of two connections says to the other, until both have ended.
 *
 * An end is passed on as an end, so that the other direction goes on (shutdown(2)); what breaks off is passed on as a reset, so that
 * nobody takes half of something for the whole. Who reads slowly slows the writer down, for no more than one buffer of either
 * is kept here. Stream's own pipe() does the same with twice the listeners for each of 10,000 connections.
 */
export function relay(one: Socket, other: Socket): void {
  forward(one, other);
  forward(other, one);
}

function forward(from: Socket, to: Socket): void {
  // Those from a channel are not told how they are to end.
  from.allowHalfOpen = true;
  from.on('data', (chunk: Buffer) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => from.resume());
  from.on('end', () => to.end());
  // `close` follows.
  from.on('error', () => undefined);
  from.on('close', () => {
    if (!(from.readableEnded && from.writableFinished)) reset(to);
  });
  from.resume();
}

export function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}
