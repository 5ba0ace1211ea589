namespace Serving.Host;

/// <summary>Exit codes of the process.</summary>
internal static class ExitCode
{
    /// <summary>Stopped as asked.</summary>
    public const int Ok = 0;

    /// <summary>The command failed; standard error says why.</summary>
    public const int Failed = 1;

    /// <summary>The command line is invalid.</summary>
    public const int Usage = 2;
}
