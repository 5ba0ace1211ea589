namespace Serving.Host;

/// <summary>Something the person at the command line can mend. The message is one line that says what to do.</summary>
internal sealed class UserErrorException(string message, Exception? inner = null) : Exception(message, inner);
