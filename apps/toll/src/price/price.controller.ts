import { Controller, Inject } from '@nestjs/common';
import { BusHandler } from '#bus';
import { type ParsedRequestOf, tollPrices, tollSetPrice } from '#contracts';
import { PriceBook } from './engine/price-book.js';

@Controller()
export class PriceController {
  constructor(@Inject(PriceBook) private readonly book: PriceBook) {}

  @BusHandler(tollPrices)
  async prices() {
    return { priceList: await this.book.current() };
  }

  @BusHandler(tollSetPrice)
  async setPrice(price: ParsedRequestOf<typeof tollSetPrice>) {
    return { priceList: await this.book.setPrice(price) };
  }
}
