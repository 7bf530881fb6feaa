import { type ArgumentsHost, Catch, type ExceptionFilter, UseFilters } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { type Observable, throwError } from 'rxjs';
import type { BusMethod } from '#contracts';
import type { MethodHandler } from './bus.types.js';

/** Where Nest's handler table keeps the catalogue entry of a `@BusHandler`. */
export const BUS_METHOD = 'watershed.bus-method';

/** Hands every error to the bus as it is; the bus alone decides what of it crosses. */
@Catch()
export class BusErrorFilter implements ExceptionFilter {
  catch(error: unknown, _host: ArgumentsHost): Observable<never> {
    return throwError(() => error);
  }
}

const filter = new BusErrorFilter();

/**
 * Answers a method of the catalogue. On a Nest controller's method with the arguments `(request, caller)`, both already
 * checked; what it returns is parsed by the response's schema, what it throws crosses as a typed error.
 */
export function BusHandler<M extends BusMethod>(method: M) {
  return <Handler extends MethodHandler<M>>(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<Handler>,
  ): void => {
    MessagePattern(method.name, { [BUS_METHOD]: method })(target, key, descriptor);
    UseFilters(filter)(target, key, descriptor);
    Payload()(target, key, 0);
    Ctx()(target, key, 1);
  };
}
