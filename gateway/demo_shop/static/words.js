// The shop's words in both languages. A test holds the two to the same keys.
export const WORDS = {
  en: {
    "scenes": "Goods in use", "skip": "Skip to the products", "shop.name": "Zhike Market", "shop.tagline": "knows its guests",
    "find": "Search groceries, brands, 奶酪…", "theme": "Light or dark", "who": "Who am I", "cart": "Cart", "language": "中文",
    "foot": "A demo on simulated data (Complete Journey, for research and education). Searches, clicks, stock, identities, production and delivery are simulated. Nothing here can be bought.",
    "hello": "Welcome", "hello.known": "Good to see you, {name}", "hello.text": "Search, click and buy: the shop learns with every step. Change who you are at the top right.",
    "hello.same": "The shop knows you by these names, in the store, in the app and on the phone:",
    "who.text": "The same shop, seen by different guests. A guest's token is made by the shop's own backend.", "who.new": "New visitor", "who.new.text": "Nobody has met you yet",
    "recommended-for-you": "Recommended for you", "buy-it-again": "Buy it again", "recently-viewed": "Recently viewed", "popular": "Popular now",
    "similar-items": "Similar items", "frequently-bought-together": "Often bought together",
    "source.als": "from your history", "source.popular": "popular in the shop", "source.ease": "from baskets", "source.item-to-item": "from what you bought and looked at", "source.category": "from the same shelf", "source.history": "from what you did here", "source.catalog": "from the catalogue",
    "fallback.NO_HISTORY": "not personal yet: nothing seen so far", "fallback.NO_CONSENT": "not personal: no consent", "fallback.CONSENT_STALE": "not personal just now", "fallback.NO_MODEL": "no model in force yet",
    "results": "{count} products for “{query}”", "results.all": "{count} products", "results.none": "Nothing found for “{query}”", "results.none.text": "Try fewer or other words, or one of these:",
    "redirect": "The shop has a page for this:", "redirect.stay": "Show what was found instead", "corrected": "Showing results for “{query}”.", "corrected.not": "Search for “{query}” instead", "any": "Not every word was found together; these match some of them.",
    "sort": "Sort by", "sort.relevance": "Best match", "sort.price": "Price, low to high", "sort.-price": "Price, high to low", "sort.popularity": "Most bought",
    "facets": "Filter", "facet.category": "Category", "facet.brand": "Brand", "facet.price": "Price", "facet.tag": "Marks", "more": "Show more",
    "tag.own-label": "Own label", "tag.made-to-order": "Made to order", "tag.untranslated": "Name not translated", "clear": "Clear filters",
    "kind.query": "search", "kind.category": "category", "kind.brand": "brand", "kind.product": "product",
    "add": "Add to cart", "added": "In the cart: {title}", "less": "One less", "one-more": "One more", "in-stock": "In stock", "in-stock.count": "{count} in stock", "out-of-stock": "Sold out", "backorder": "Made to order",
    "brand": "Brand", "category": "Category", "size": "Size", "department": "Department", "maker": "Maker", "number": "Number",
    "cart.empty": "The cart is empty", "cart.empty.text": "What you put in here stays, whichever way you come back.", "cart.total": "Total", "checkout": "Buy (demo)", "checkout.note": "Places an order in the demo. No money moves, nothing is sent.", "bought": "Bought. You can watch it being made and brought.",
    "orders": "Your orders", "orders.none": "No orders yet", "orders.none.text": "What you buy in this shop stands here, and moves.", "order": "Order {number}", "pieces": "{count} items",
    "simulated": "production and delivery are simulated", "lines": "What you ordered", "charge": "Postage or fee", "progress": "Progress", "done": "done",
    "pieces.shipped": "{count} in parcels", "pieces.delivered": "{count} delivered", "pieces.returned": "{count} returned", "pieces.cancelled": "{count} cancelled",
    "axis.payment": "Payment", "axis.production": "Production", "axis.shipping": "Shipment", "axis.returning": "Return",
    "parcels": "Parcels", "parcels.none": "Nothing is packed yet.", "history": "All that happened", "history.count": "{count} entries",
    "live.connecting": "Connecting…", "live.live": "Live", "live.paused": "Paused while you are away", "live.ended": "No longer live.", "live.ended.text": "This link has ended; ask the shop for another.",
    "promise": "When it will be with you", "promise.by": "Order now, with you by {day}", "promise.made-by": "Order now, made for you and with you by {day}", "promise.likely": "Likely {time}.", "promise.held": "Promised by {day}", "promise.until": "by {day}",
    "promise.none": "No estimate just now.", "promise.unavailable": "{count} of these cannot be had just now.", "promise.soon": "The promise is being made.", "promise.over": "Nothing is promised of this order.",
    "promise.arrived": "Delivered {time}", "promise.kept": "Delivered {time}, promised by {day}", "promise.broken": "Delivered {time}, later than promised ({day})",
    "estimate.p50": "Likely", "estimate.band": "8 of 10 orders", "estimate.p90": "9 of 10 orders", "estimate.sure": "How sure", "colon": ": ", "comma": ", ",
    "changes": "Every change of the estimate ({count})", "cause": "because of: {cause}", "cause.time": "time went by",
    "to": "Deliver to", "to.US-OH": "Ohio", "to.US-NY": "New York", "to.CN-31": "Shanghai", "to.pickup": "Collect in the shop",
    "my.data": "My data", "my.text": "What the shop's platform knows of you, and what you can do about it.", "my.known-only": "Only a known guest has data here: choose one at the top right.",
    "my.consents": "What you agree to", "my.consents.text": "A no takes effect everywhere within two seconds.", "my.consent.kept": "Kept, and in effect.", "my.consent.granted": "you said yes", "my.consent.denied": "you said no", "my.consent.default": "you never said",
    "my.purpose.personalization": "Personal answers", "my.purpose.marketing": "Advertising",
    "my.export": "All of it, to take with you", "my.export.text": "One archive of everything that every service knows of you. It is kept for a day.", "my.export.begin": "Gather my data", "my.export.running": "Being gathered…", "my.export.download": "Download ({count} files)",
    "my.known": "What is known of you", "my.identifier": "Name", "my.orders": "Orders", "my.from": "from {source}",
    "my.erase": "Be erased", "my.erase.text": "Everything about you goes, in every service, and what arrives of you later is refused. Orders stay as the law wants them, without you. This cannot be taken back.", "my.erase.word": "erase", "my.erase.type": "Type “{word}” to confirm", "my.erase.do": "Erase me everywhere",
    "my.receipt": "Receipt of your erasure", "my.receipt.text": "This receipt names nobody. Keep its number to look again:", "my.events": "{count} events", "my.state.requested": "Asked for", "my.state.logs": "Logs are being rewritten", "my.state.copies": "Copies are being rewritten", "my.state.done": "Done",
    "remove": "Remove", "problem": "That did not work", "try": "Try again", "home": "To the start page", "loading": "Loading",
  },
  zh: {
    "scenes": "生活场景", "skip": "跳到商品", "shop.name": "知客市集", "shop.tagline": "记得每一位客人",
    "find": "搜索商品、品牌、cheese…", "theme": "浅色或深色", "who": "我是谁", "cart": "购物车", "language": "English",
    "foot": "演示数据为模拟数据（Complete Journey，供研究与教学）。搜索、点击、库存、身份、制作与配送均为模拟，此处商品不可购买。",
    "hello": "欢迎光临", "hello.known": "{name}，欢迎回来", "hello.text": "搜索、点击、购买，每一步都会被记住并立刻生效。可在右上角切换身份。",
    "hello.same": "无论在门店、App 还是电话里，您都是同一位客人：",
    "who.text": "同一家店，不同客人眼中的样子。客人的令牌由商店自己的后台签发。", "who.new": "新访客", "who.new.text": "还没有人认识您",
    "recommended-for-you": "为您推荐", "buy-it-again": "再次购买", "recently-viewed": "最近看过", "popular": "大家都在买",
    "similar-items": "相似商品", "frequently-bought-together": "经常一起购买",
    "source.als": "根据您的购买记录", "source.popular": "全店热门", "source.ease": "根据购物篮", "source.item-to-item": "根据您买过和看过的商品", "source.category": "同类商品", "source.history": "根据您在本店的记录", "source.catalog": "来自商品目录",
    "fallback.NO_HISTORY": "尚无记录，暂非个性化", "fallback.NO_CONSENT": "未获同意，不作个性化", "fallback.CONSENT_STALE": "暂不作个性化", "fallback.NO_MODEL": "尚无生效模型",
    "results": "“{query}”共 {count} 件商品", "results.all": "共 {count} 件商品", "results.none": "没有找到“{query}”", "results.none.text": "换个说法试试，或看看这些：",
    "redirect": "本店为此准备了页面：", "redirect.stay": "仍然看搜索结果", "corrected": "已显示“{query}”的结果。", "corrected.not": "仍然搜索“{query}”", "any": "没有商品同时包含所有词，以下匹配其中一部分。",
    "sort": "排序", "sort.relevance": "最匹配", "sort.price": "价格从低到高", "sort.-price": "价格从高到低", "sort.popularity": "最多人买",
    "facets": "筛选", "facet.category": "分类", "facet.brand": "品牌", "facet.price": "价格", "facet.tag": "标记", "more": "显示更多",
    "tag.own-label": "自有品牌", "tag.made-to-order": "按单制作", "tag.untranslated": "名称未翻译", "clear": "清除筛选",
    "kind.query": "搜索", "kind.category": "分类", "kind.brand": "品牌", "kind.product": "商品",
    "add": "加入购物车", "added": "已加入：{title}", "less": "减一件", "one-more": "加一件", "in-stock": "有货", "in-stock.count": "有货，剩 {count} 件", "out-of-stock": "售罄", "backorder": "按单制作",
    "brand": "品牌", "category": "分类", "size": "规格", "department": "部门", "maker": "厂商", "number": "编号",
    "cart.empty": "购物车还是空的", "cart.empty.text": "无论您从哪里回来，放进来的商品都在。", "cart.total": "合计", "checkout": "购买（演示）", "checkout.note": "只在演示中下单，不产生付款，也不会寄出商品。", "bought": "已下单，可以看着它被制作、送来。",
    "orders": "我的订单", "orders.none": "还没有订单", "orders.none.text": "在本店下的订单都在这里，进度实时更新。", "order": "订单 {number}", "pieces": "共 {count} 件",
    "simulated": "制作与配送均为模拟", "lines": "订购商品", "charge": "运费或服务费", "progress": "进度", "done": "已完成",
    "pieces.shipped": "已装包裹 {count} 件", "pieces.delivered": "已送达 {count} 件", "pieces.returned": "已退 {count} 件", "pieces.cancelled": "已取消 {count} 件",
    "axis.payment": "付款", "axis.production": "制作", "axis.shipping": "配送", "axis.returning": "退货",
    "parcels": "包裹", "parcels.none": "尚未打包。", "history": "全部经过", "history.count": "共 {count} 条",
    "live.connecting": "连接中…", "live.live": "实时更新中", "live.paused": "离开页面时暂停更新", "live.ended": "已停止更新。", "live.ended.text": "此链接已失效，请向商店重新索取。",
    "promise": "预计送达", "promise.by": "现在下单，最晚{day}送达", "promise.made-by": "现在下单，为您现做，最晚{day}送达", "promise.likely": "大约 {time} 送到。", "promise.held": "承诺{day}前送达", "promise.until": "{day}前",
    "promise.none": "暂时无法估计送达时间。", "promise.unavailable": "目前无法供应 {count} 件。", "promise.soon": "正在计算送达时间。", "promise.over": "此订单没有送达承诺。",
    "promise.arrived": "已于 {time} 送达", "promise.kept": "已于 {time} 送达，承诺为{day}前", "promise.broken": "已于 {time} 送达，晚于承诺的{day}",
    "estimate.p50": "最可能", "estimate.band": "八成订单", "estimate.p90": "九成订单", "estimate.sure": "把握", "colon": "：", "comma": "，",
    "changes": "预计时间的每次变化（{count}）", "cause": "原因：{cause}", "cause.time": "时间推移",
    "to": "送往", "to.US-OH": "俄亥俄州", "to.US-NY": "纽约州", "to.CN-31": "上海", "to.pickup": "到店自取",
    "my.data": "我的数据", "my.text": "商店平台所知道的关于您的信息，以及您可以怎么处理。", "my.known-only": "只有已识别的客人在这里有数据：请在右上角选择一位。",
    "my.consents": "您同意的事", "my.consents.text": "撤回后两秒内处处生效。", "my.consent.kept": "已保存并生效。", "my.consent.granted": "您已同意", "my.consent.denied": "您不同意", "my.consent.default": "您尚未表态",
    "my.purpose.personalization": "个性化内容", "my.purpose.marketing": "广告营销",
    "my.export": "带走全部数据", "my.export.text": "各项服务所知的关于您的全部内容，打成一个包，保留一天。", "my.export.begin": "汇集我的数据", "my.export.running": "汇集中…", "my.export.download": "下载（{count} 个文件）",
    "my.known": "我们知道您的什么", "my.identifier": "标识", "my.orders": "订单", "my.from": "来源：{source}",
    "my.erase": "删除我", "my.erase.text": "所有服务中关于您的一切都会删除，之后再到达的也会拒收。订单按法律要求保留，但不再与您关联。无法撤销。", "my.erase.word": "删除", "my.erase.type": "请输入“{word}”以确认", "my.erase.do": "全部删除",
    "my.receipt": "您的删除回执", "my.receipt.text": "回执不指名任何人。请保留编号以便查看：", "my.events": "{count} 个事件", "my.state.requested": "已提出", "my.state.logs": "正在改写日志", "my.state.copies": "正在改写副本", "my.state.done": "已完成",
    "remove": "移除", "problem": "没有成功", "try": "重试", "home": "回到首页", "loading": "载入中",
  },
};

let language = localStorage.getItem("zhike.language") || (navigator.language.startsWith("zh") ? "zh" : "en");

export const currentLanguage = () => language;

export function chooseLanguage(next) {
  language = next;
  localStorage.setItem("zhike.language", next);
}

export function t(key, values = {}) {
  const words = WORDS[language][key];
  if (words === undefined) return "";
  return words.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}
