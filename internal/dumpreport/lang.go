package dumpreport

import (
	"fmt"

	"github.com/pika2kvrocks/pika2kvrocks/internal/exitcode"
)

// A Lang is the language of a page.
type Lang string

// The languages.
const (
	English Lang = "en"
	Chinese Lang = "zh"
)

// ParseLang returns the language of that name.
func ParseLang(s string) (Lang, error) {
	switch l := Lang(s); l {
	case English, Chinese:
		return l, nil
	}
	return "", exitcode.Usagef("--lang %q: it is en or zh", s)
}

func (l Lang) html() string {
	if l == Chinese {
		return "zh-CN"
	}
	return "en"
}

// say writes a text in the language, with what is filled in. A text that has no translation stays
// as it is: reasons of a server, and what is not ours.
func (l Lang) say(text string, args ...any) string {
	if l == Chinese {
		if zh, ok := chinese[text]; ok {
			text = zh
		}
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// meanings are those of docs/zh/operations/results.md.
var meanings = map[string]string{
	"expired":            "读取前或导入前已过期，没有丢失数据",
	"gone":               "读取时已不存在：被删除，或（4.0）名称含 NUL 字节，无法读取",
	"deleted-or-expired": "源端已不存在：被删除还是过期无法区分",
	"retyped":            "读取时类型已改变",
	"changed":            "每次读取时都在变化，各部分无法拼合；回滚时：导入后被他人修改",
	"duplicate-name":     "以另一个 key 的名称列出，Pika 4.0 在 NUL 字节处截断名称",
	"internal":           "Pika 迁移 slot 的内部 key，不是数据",
	"too-large":          "某个元素超过所有目标端的上限",
	"unlisted":           "源端无法列出名称如此开头的 stream",
	"unreadable":         "源端对它的回复无法解析",
	"expiry-unknown":     "已在 dump 中，但源端无法给出过期时间",

	"conflict":    "源端另一类型使用了此名称",
	"hyperloglog": "目标端无法保存；--hyperloglog string 按字节导入",
	"refused":     "目标端拒绝了它或其中一部分",
	"exists":      "目标端已有同名 key（--on-exists skip）",
	"prefix":      "名称不以 --key-prefix-strip 开头",
	"short":       "剩余时间少于 --ttl-min",
	"older":       "导入停止前可能尚未处理到它",

	"missing":              "服务器上没有",
	"type":                 "类型不同",
	"value":                "值、score、元素或字节不同",
	"missing elements":     "缺少 field、member、元素或 entry",
	"extra elements":       "多出 field、member、元素或 entry",
	"expiry differs":       "过期时间不同，或只有一方有",
	"not in the dump":      "只有目标端有",
	"expired since":        "导出之后已过期",
	"expiry rounded":       "服务器不保存毫秒",
	"expiry unknown":       "dump 或服务器无法给出",
	"sign of zero":         "服务器不保存 -0",
	"conflict loser":       "源端另一类型使用了此名称",
	"renamed":              "以新名称找到，并已校验",
	"left out by the load": "见导入的报告",
}

// chinese has each text of a page. A test holds that none is missing.
var chinese = map[string]string{
	"Dump of %s %s at %s":                "%s %s（%s）的 dump",
	"Delta %d of %s %s at %s":            "增量 %d：%s %s（%s）",
	"Made from %s to %s, in %s, by %s.":  "%s 至 %s 生成，用时 %s，工具 %s。",
	"Dump %s in %s.":                     "dump %s，位于 %s。",
	"Contents":                           "目录",
	"keys":                               "key",
	"elements":                           "元素",
	"names and content":                  "名字与内容",
	"stored, compressed":                 "压缩后占用",
	"keys with an expiry":                "带过期时间的 key",
	"databases with keys":                "有 key 的库",
	"deletions, by type":                 "删除（按类型计）",
	"What to know":                       "须知",
	"Types":                              "类型",
	"Sizes":                              "大小",
	"Time to live":                       "剩余生存时间",
	"What was left when the dump ended.": "以 dump 结束时为准。",
	"Prefixes":                           "前缀",
	"Largest keys":                       "最大的 key",
	"Series and ids in names":            "名字中的序列与 id",
	"Shaded: between two runs.":          "灰色：两次运行之间。",
	"none":                               "无",
	"good":                               "正常", "note": "注意", "bad": "异常", "Chart": "图",
	"others":                                "其他",
	"all":                                   "合计",
	"Keys per second":                       "每秒 key 数",
	"Type":                                  "类型",
	"Database":                              "库",
	"Keys":                                  "key 数",
	"Elements":                              "元素数",
	"Expiring":                              "带过期时间",
	"Bytes":                                 "字节数",
	"Share":                                 "占比",
	"Size":                                  "大小",
	"Time":                                  "时间",
	"Prefix":                                "前缀",
	"Key":                                   "key",
	"Expires":                               "过期",
	"Kind":                                  "种类",
	"From":                                  "从",
	"To":                                    "到",
	"Ids":                                   "id 数",
	"Id":                                    "id",
	"Reason":                                "原因",
	"Meaning":                               "含义",
	"Such as":                               "例如",
	"Name":                                  "名字",
	"date":                                  "日期",
	"epoch":                                 "时间戳",
	"sequence":                              "编号",
	"space":                                 "空格",
	"By type; the bars show bytes":          "按类型；条形表示字节数",
	"Keys by the bytes of name and content": "按 key（含名字）的字节数分档",
	"Collections by their elements":         "集合类 key 按元素数分档",
	"Keys by the time that was left":        "按剩余生存时间分档",
	"By database; the bars show bytes by type":               "按库；条形表示各类型的字节数",
	"Prefixes; the bars show bytes by type":                  "前缀；条形表示各类型的字节数",
	"Largest keys by bytes":                                  "字节数最多的 key",
	"Largest collections by elements":                        "元素最多的集合类 key",
	"Names with times or sequences":                          "含时间或编号的名字",
	"Ids behind a prefix, such as those of tenants or users": "前缀之后的 id，例如租户或用户",
	"The largest ids":                                        "字节数最多的 id",
	"The largest ids; each has at least what is shown":       "字节数最多的 id；各项为下限",
	"%s and more":     "%s 及以上",
	"below %s":        "小于 %s",
	"0 or 1":          "0 或 1",
	"%s to %s":        "%s 至 %s",
	"expired by then": "届时已过期",
	"less than %s":    "不足 %s",
	"does not expire": "不过期",
	"%s minute":       "%s 分钟",
	"%s minutes":      "%s 分钟",
	"%s hour":         "%s 小时",
	"%s hours":        "%s 小时",
	"%s day":          "%s 天",
	"%s days":         "%s 天",
	"%s year":         "%s 年",
	"%s years":        "%s 年",
	"%s second":       "%s 秒",
	"%s seconds":      "%s 秒",
	"%s: %s, %s, %s":  "%s：%s，%s，%s",
	"Names were split at %s. Marks stand for what differs from name to name: <n> a number, <date>, <epoch> seconds, <uuid>, <hex>, <binary>; * for more than is told apart.": "名字在 %s 处切分。各名字之间不同的部分用标记表示：<n> 为数字，<date> 为日期，<epoch> 为秒级时间戳，另有 <uuid>、<hex>、<binary>；* 表示数量太多、不再区分。",
	"Treemap of the prefixes by bytes; the numbers are in the table below":                                                                                                   "前缀字节数的树图；数字见下表",
	"Keys per second over the time of the load; the numbers are in the table below":                                                                                          "导入期间每秒的 key 数；数字见下表",
	"Bytes are those of names and content, without encoding and without the overhead of any server.":                                                                         "字节数只计 key 名与内容，不含编码和服务器的额外开销。",
	"This page needs no network. It was made on %s by %s.":                                                                                                                   "本页不需要网络。生成于 %s，工具 %s。",

	"Consistency: %s":                                   "一致性：%s",
	"no write happened during the dump":                 "dump 期间没有写入",
	"writes happened during the dump":                   "dump 期间有写入",
	"cannot be told":                                    "无法判断",
	"Each key is as it was at some moment of the dump.": "每个 key 都是 dump 期间某一时刻的状态。",
	"The dump with deltas up to number %s":              "dump 与增量 1 至 %s",
	"Shown is what both amount to. The last delta is of %s. What is said of consistency, and which keys were skipped, is of the dump alone.": "所示为两者合并的结果。最后一个增量的时间为 %s。一致性和跳过的 key 只就 dump 而言。",
	"The dump is encrypted, and this page is not":              "dump 已加密，本页没有加密",
	"It names keys in clear. Keep it where they may be known.": "本页以明文列出 key 的名字，请只放在允许看到这些名字的地方。",
	"This is a delta": "这是一个增量",
	"It has what changed after dump %s, and means something only together with its base, dump %s.": "它包含 dump %s 之后的变化，只有与基础 dump %s 一起才有意义。",
	"Only keys that match %q":                           "只含匹配 %q 的 key",
	"A trial: a sample of %g %% of the keys":            "试迁移：只抽取 %g %% 的 key",
	"A trial: at most %s of each database and type":     "试迁移：每个库每种类型最多 %s",
	"Only keys of these types: %s":                      "只含以下类型的 key：%s",
	"It is not the whole source, and no archive of it.": "它不是源端的全部数据，不能作为归档。",
	"No key was skipped":                                "没有跳过任何 key",
	"Keys that were skipped":                            "跳过的 key",
	"They were listed by the source, and are not in the dump, or not wholly. skipped.jsonl names them.": "源端列出了它们，但它们不在 dump 中或不完整。名字见 skipped.jsonl。",
	"No name stands in several types":       "没有同名多类型",
	"Names that stand in several types: %s": "同名多类型：%s 个",
	"Kvrocks has one type per name. --on-conflict says which one a load takes. conflicts.jsonl names all; the first are:": "Kvrocks 每个名字只有一种类型，由 --on-conflict 决定导入哪一种。全部名字见 conflicts.jsonl，前几个为：",
	"HyperLogLogs: %s": "HyperLogLog：%s 个",
	"Only Pika knows their encoding. A load leaves them out and lists them; --hyperloglog string loads their bytes.": "其编码只有 Pika 认识。导入时不写入并列出；--hyperloglog string 按字节导入。",
	"Databases: %s": "库：%s 个",
	"Kvrocks has namespaces instead: a load needs --map-db.":                                         "Kvrocks 以 namespace 代替：导入时需要 --map-db。",
	"Keys that had expired when the dump ended: %s":                                                  "dump 结束时已过期的 key：%s 个",
	"They are in the dump. A load does not write them.":                                              "它们在 dump 中，导入时不会写入。",
	"Keys that expired while they were read: %s":                                                     "读取期间过期的 key：%s 个",
	"They are not in the dump. Nothing is lost.":                                                     "它们不在 dump 中，没有丢失数据。",
	"Keys of 16 MiB and more: %s":                                                                    "16 MiB 及以上的 key：%s 个",
	"Collections of more than a million elements: %s":                                                "超过一百万个元素的集合类 key：%s 个",
	"A load takes them in pieces. On any server, commands that read them as a whole hold up others.": "导入时分段处理。在任何服务器上，一次读取整个 key 的命令都会阻塞其他请求。",

	"Load into %s at %s": "导入 %s（%s）",
	"It is not known whether the target kept all of it":              "无法确定目标端是否保存了全部数据",
	"The speed over time is not known: the journal does not tell it": "journal 中没有各时刻的速度",
	"%s with %s, %s":                       "%s、%s，%s",
	"%s of keys":                           "%s 个 key",
	"%s of elements":                       "%s 个元素",
	"Undone on %s":                         "已于 %s 回滚",
	"Nothing of it is left on the target.": "目标端没有留下任何数据。",
	"Left on the target, as others had changed them: %s.": "因被他人修改而留在目标端：%s。",
	"It is being undone: run kvload rollback to its end":  "正在回滚：请把 kvload rollback 执行完",
	"Not finished":         "未完成",
	"So far %s.":           "目前已导入 %s。",
	"Finished in %s":       "已完成，用时 %s",
	"Loaded %s.":           "已导入 %s。",
	"Nothing was left out": "没有遗漏",
	"Left out: only what had expired, or was about to": "未导入：只有已过期或即将过期的 key",
	"Keys that were left out":                          "未导入的 key",
	"The report beside the journal names them.":        "名字见 journal 旁的报告。",
	"Not verified": "未校验",
	"No comparison of the target with the dump is kept beside the journal. Run kvload verify.": "journal 旁没有校验结果。请执行 kvload verify。",
	"Verified on %s: equal":                             "%s 校验：一致",
	"Verified on %s: not equal, in %s":                  "%s 校验：%s 不一致",
	"Verified on %s: a sample is equal":                 "%s 校验：抽样一致",
	"Compared %s, in %s.":                               "校验了 %s，用时 %s。",
	"Only types, lengths and expiries were compared.":   "只校验了类型、长度和过期时间。",
	"Keys that only the target has: %s.":                "只有目标端有的 key：%s 个。",
	"Not verified since it was finished":                "完成之后未校验",
	"The comparisons are of before. Run kvload verify.": "已有的校验在完成之前。请执行 kvload verify。",
	"Verified on %s: some of the shards are equal":      "%s 校验：部分 shard 一致",
	"Compared were shards %s.":                          "校验的 shard：%s。",
	"Judged as":                                         "判定", "a difference": "差异",
	"Loads of deltas": "增量的导入", "Loads of deltas, the newest": "增量的导入，最新的", "Target": "目标端", "finished": "已完成", "%s of %s finished": "%s / %s 已完成",
	"Dump": "dump", "Delta": "增量", "complete, %s": "完整，%s",
	"complete, %s and %s": "完整，%s，%s",
	"%s; to look at: %s":  "%s；需要注意：%s", "%s of notes": "%s 项", "%s of deletions": "%s 条删除",
	"Resume it: kvload load --resume, with the flags that it was begun with.":                                             "续传：kvload load --resume，参数与开始时相同。",
	"Shards that are not done: %s. Resume each: kvload load --shard I/N --resume, with the flags that it was begun with.": "未完成的 shard：%s。逐个续传：kvload load --shard I/N --resume，参数与开始时相同。",
	"Difference":               "差异",
	"explained: no difference": "已有解释，不算差异",
	"Runs":                     "运行",
	"Shard":                    "shard",
	"Began":                    "开始",
	"Ended":                    "结束",
	"Took":                     "用时",
	"Retries":                  "重试",
	"killed":                   "被 kill",
	"killed, or at work":       "被 kill，或正在运行",
	"Speed over time":          "各时段的速度",
	"Up to":                    "截至",
	"Bytes per second":         "每秒字节数",
	"What it was begun with":   "开始时的参数",
	"Flag":                     "参数",
	"Value":                    "值",
	"journal":                  "journal",
	"nodes":                    "节点",
	"Comparisons":              "校验记录",
	"Differing":                "不一致",
	"Extra":                    "多出",
	"Result":                   "结果",
	"equal":                    "一致",
	"not equal":                "不一致",
	"a sample is equal":        "抽样一致",
}
