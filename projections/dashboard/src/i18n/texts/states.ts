import type { Texts } from '../shape'

/** What is said of loading, errors and durations on any page. */
export const zh = {
  state: {
    loading: '正在加载…',
    retry: '重试',
    stale: '暂时无法刷新，显示的是 {time} 的情况。',
    errorTitle: '无法加载',
    forbidden: '您的账户无权查看此内容。',
    notFound: '这里没有内容，或您无权查看。',
    noNetwork: '无法连接服务器。请检查网络；您填写的内容不会丢失。',
    unavailable: '服务正忙或正在重启，请稍后再试。',
    failed: '系统内部出现错误。',
    errorId: '错误编号 {id}',
    pageTitle: '页面不存在',
    pageText: '地址可能有误，或页面已移动。',
    toNow: '返回首页',
    noData: '您的账户用于管理用户和研究，看不到患者数据。',
    loadMore: '加载更多',
    moreFailed: '更多内容未能加载，请重试。',
    shown: '已显示 {n} 条',
    end: '已到末尾',
  },
  time: {
    s: '{n} 秒',
    min: '{n} 分钟',
    h: '{n} 小时',
    hMin: '{h} 小时 {m} 分钟',
    d: '1 天 | {n} 天',
  },
}

export const en: Texts<typeof zh> = {
  state: {
    loading: 'Loading…',
    retry: 'Try again',
    stale: 'This could not be refreshed just now. You see what was known at {time}.',
    errorTitle: 'This could not be loaded',
    forbidden: 'Your account may not see this.',
    notFound: 'There is nothing here, or not for you.',
    noNetwork: 'The server cannot be reached. Check the network; nothing you entered is lost.',
    unavailable: 'The service is busy or restarting. It is worth trying again in a moment.',
    failed: 'Something went wrong on our side.',
    errorId: 'Error number {id}',
    pageTitle: 'This page does not exist',
    pageText: 'The address may be mistyped, or the page has moved.',
    toNow: 'Go to the first page',
    noData: 'Your account manages users and studies. It sees no patients’ data.',
    loadMore: 'Load more',
    moreFailed: 'More could not be loaded. Try again.',
    shown: '{n} shown',
    end: 'End of the list',
  },
  time: {
    s: '{n} s',
    min: '{n} min',
    h: '{n} h',
    hMin: '{h} h {m} min',
    d: 'one day | {n} days',
  },
}
