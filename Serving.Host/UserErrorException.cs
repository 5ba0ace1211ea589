namespace Serving.Host;

/// <summary>An error that the user can fix. The message is one line that says what to do.</summary>
internal sealed class UserErrorException(string message, Exception? inner = null) : Exception(message, inner);
