import type { CustomTransportStrategy } from '@nestjs/microservices';
import type { BusBroadcast, BusMethod, NodeId, PayloadOf, RequestOf, ResponseOf } from '#contracts';
import type { BusIdentity, BusOptions, BusStatus, CallOptions, MethodHandler, PayloadInputOf } from './bus.types.js';

/** A node's end of the cluster's bus. */
export declare class Bus {
  readonly identity: BusIdentity;
  /** For `app.connectMicroservice({ strategy })`. */
  readonly server: CustomTransportStrategy;
  static connect(options: BusOptions): Promise<Bus>;
  get status(): BusStatus;
  onStatus(listener: (status: BusStatus) => void): () => void;
  call<M extends BusMethod>(method: M, request: RequestOf<M>, options?: CallOptions): Promise<ResponseOf<M>>;
  handle<M extends BusMethod>(method: M, handler: MethodHandler<M>): void;
  broadcast<B extends BusBroadcast>(broadcast: B, payload: PayloadInputOf<B>): Promise<void>;
  on<B extends BusBroadcast>(broadcast: B, listener: (payload: PayloadOf<B>, from: NodeId) => void): () => void;
  /** Refuses new calls with `shutting_down` and resolves when those under way are answered. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
