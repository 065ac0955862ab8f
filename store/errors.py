"""What can go wrong with the store."""

from config.errors import HotlineError


class StoreError(HotlineError):
    """The database cannot do what was asked."""


class StoreBusy(StoreError):
    """Another writer held the database for too long."""

    def __init__(self, seconds: float) -> None:
        super().__init__("store_busy", f"数据库正忙：等了 {seconds:g} 秒仍不能写入，请稍后再试")


class StoreUnreachable(StoreError):
    """The database is not there, does not answer, or may not be written. ``where`` holds no password."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            "store_unreachable", f"打不开数据库 {where}：{why}。请检查数据目录的权限与磁盘，或设置 HOTLINE_DATABASE_URL"
        )


class StoreTooNew(StoreError):
    """The database was migrated by a newer release than this one."""

    def __init__(self) -> None:
        super().__init__("store_too_new", "数据库由更新的版本写成：请使用不低于该版本的程序，或换一个数据目录")


class VaultError(HotlineError):
    """A text cannot be decrypted."""


class WrongKey(VaultError):
    """The text was encrypted with another key than this installation's."""

    def __init__(self, wanted: str, present: str) -> None:
        super().__init__(
            "wrong_key",
            f"密文所用的密钥（{wanted}）不是本机现在的密钥（{present}）：请把原来的 secrets/data_key 放回数据目录，"
            "或设置 HOTLINE_SECRET_DATA_KEY",
        )


class Tampered(VaultError):
    """The text is damaged, was changed, or belongs to another place."""

    def __init__(self) -> None:
        super().__init__("tampered", "密文已损坏或被改动，无法解密：请从备份恢复这一条记录")
